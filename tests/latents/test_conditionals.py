import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.dissimilarities import PowerSum
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.latents import GeneralisedNormalConditional, LaplaceConditional, NormalConditional
from contrica.spaces import Box, Euclidean, Sphere

SPACES = {"line": Euclidean(2), "box": Box(2, low=-0.5, high=1.0)}
LAWS = {
    "normal": (lambda space: NormalConditional(space, [0.2, 0.9]), lambda t, i: 0.5 * (t / (0.2, 0.9)[i]) ** 2),
    "laplace": (lambda space: LaplaceConditional(space, [0.2, 0.9]), lambda t, i: abs(t) / (0.2, 0.9)[i]),
    "peaked": (
        lambda space: GeneralisedNormalConditional(space, 0.7, [0.2, 0.9]),
        lambda t, i: (abs(t) / (0.2, 0.9)[i]) ** 0.7,
    ),
    "flat": (
        lambda space: GeneralisedNormalConditional(space, 5.0, [0.2, 0.9]),
        lambda t, i: (abs(t) / (0.2, 0.9)[i]) ** 5.0,
    ),
}
ANCHOR = (-0.5, 0.8)  # one coordinate on a face, one near another


@pytest.fixture(params=[(law, space) for law in LAWS for space in SPACES], ids="-".join)
def case(request):
    law, space = request.param
    build, delta = LAWS[law]
    return build(SPACES[space]), delta


def factor_grid(conditional, index):
    """A fine grid around the anchor's coordinate, one node on its kink, and the law's cumulative sum on it."""
    place = ANCHOR[index]
    steps = np.sinh(np.linspace(0.0, 16.0, 30001)) * 1e-4
    grid = np.concatenate([place - steps[:0:-1], place + steps])
    if isinstance(conditional.space, Box):
        low, high = conditional.space.low, conditional.space.high
        grid = np.unique(np.concatenate([grid[(grid > low) & (grid < high)], [low, high]]))
    return grid


def normalised(conditional, delta, index):
    grid = factor_grid(conditional, index)
    density = np.exp(-delta(grid - ANCHOR[index], index))
    mass = integrate.cumulative_trapezoid(density, grid, initial=0.0)
    return grid, mass / mass[-1], mass[-1]


def kolmogorov_pvalue(values, grid, cumulative):
    return stats.kstest(values.numpy(), lambda s: np.interp(s, grid, cumulative)).pvalue


def test_draws_follow_the_density_factor_by_factor(case):
    conditional, delta = case
    anchors = torch.tensor([ANCHOR], dtype=torch.float64).expand(20_000, 2)
    positives = conditional.sample(anchors, generator=torch.Generator().manual_seed(1))
    for index in range(2):
        grid, cumulative, _ = normalised(conditional, delta, index)
        assert kolmogorov_pvalue(positives[:, index], grid, cumulative) > 1e-3
    assert abs(stats.spearmanr(positives[:, 0], positives[:, 1]).statistic) < 4.0 / math.sqrt(20_000)


def test_a_wrong_density_is_noticed():
    conditional = LaplaceConditional(SPACES["box"], [0.21, 0.9])
    anchors = torch.tensor([ANCHOR], dtype=torch.float64).expand(20_000, 2)
    positives = conditional.sample(anchors, generator=torch.Generator().manual_seed(1))
    grid, cumulative, _ = normalised(conditional, LAWS["laplace"][1], 0)
    assert kolmogorov_pvalue(positives[:, 0], grid, cumulative) < 1e-3


def test_the_normaliser_is_the_integral_over_the_space(case):
    conditional, delta = case
    expected = sum(math.log(normalised(conditional, delta, index)[2]) for index in range(2))
    value = conditional.log_normaliser(torch.tensor([ANCHOR], dtype=torch.float64)).item()
    assert_close(value, expected, rtol=0.0, atol=1e-5)  # the error of the grid


def test_the_log_density_is_minus_delta_minus_the_log_normaliser(case):
    conditional, delta = case
    anchors = torch.tensor([ANCHOR], dtype=torch.float64)
    positives = torch.rand(20, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = -sum(delta(positives[:, i] - ANCHOR[i], i) for i in range(2)) - conditional.log_normaliser(anchors)
    assert_close(conditional.log_density(anchors, positives), expected)


def test_the_log_density_plus_the_dissimilarity_does_not_depend_on_the_positive(case):
    conditional, _ = case
    generator = torch.Generator().manual_seed(3)
    anchors = torch.rand(6, 1, 2, generator=generator, dtype=torch.float64)
    positives = torch.rand(1, 50, 2, generator=generator, dtype=torch.float64)
    rest = conditional.log_density(anchors, positives) + conditional.dissimilarity(anchors, positives)
    assert isinstance(conditional.dissimilarity, PowerSum)
    assert_close(rest, rest[:, :1].expand_as(rest), rtol=1e-12, atol=1e-12)
    assert_close(rest[:, 0], -conditional.log_normaliser(anchors[:, 0]), rtol=1e-12, atol=1e-12)


def test_all_pairs_are_every_pair(case):
    conditional, _ = case
    latents = torch.rand(4, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    pairs = conditional.log_density(latents[:, None], latents[None])
    assert_close(pairs[1, 3], conditional.log_density(latents[1], latents[3]))
    assert pairs.shape == (4, 4)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.0, 20.0])
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e6])
def test_positives_stay_in_the_box_with_a_finite_density_for_every_scale(exponent, scale):
    box = Box(3)
    conditional = GeneralisedNormalConditional(box, exponent, scale)
    corners = torch.tensor([[0.0, 1.0, 0.5], [1.0, 1.0, 1.0], [0.0, 0.0, 1e-30]], dtype=torch.float64)
    anchors = corners.repeat(2000, 1)
    positives = conditional.sample(anchors, generator=torch.Generator().manual_seed(5))
    assert box.contains(positives, tolerance=0.0).all()
    assert torch.isfinite(conditional.log_density(anchors, positives)).all()
    assert len(torch.unique(positives[:, 2])) > 5900


def test_a_scale_far_above_the_box_makes_positives_uniform():
    conditional = GeneralisedNormalConditional(Box(1), 1.3, 1e9)
    positives = conditional.sample(torch.zeros(20_000, 1), generator=torch.Generator().manual_seed(6))
    assert stats.kstest(positives[:, 0].numpy(), "uniform").pvalue > 1e-3


def test_the_far_tail_of_a_narrow_law_is_reached_with_the_right_frequency():
    # P(step > 9 scales | from the face) = exp(-9), 12.3 of 100 000.
    conditional = LaplaceConditional(Box(1), 0.01)
    positives = conditional.sample(torch.zeros(1_000_000, 1), generator=torch.Generator().manual_seed(7))
    assert 90 <= int((positives > 0.09).sum()) <= 160


def test_positives_have_the_dtype_of_their_anchors(case):
    conditional, _ = case
    for dtype in (torch.float32, torch.float64):
        assert conditional.sample(torch.zeros(3, 2, dtype=dtype), generator=torch.Generator()).dtype == dtype


def test_one_state_gives_one_draw_the_next_another_and_the_global_one_is_left_alone(case):
    conditional, _ = case
    anchors = torch.zeros(5, 2)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(8)
    first, second = (conditional.sample(anchors, generator=generator) for _ in range(2))
    assert torch.equal(first, conditional.sample(anchors, generator=torch.Generator().manual_seed(8)))
    assert not torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_the_outside_of_a_box_has_no_density():
    conditional = NormalConditional(SPACES["box"], 0.1)
    assert conditional.log_density(torch.zeros(1, 2), torch.tensor([[0.0, 1.1]])).item() == -math.inf


def test_the_three_laws_agree_where_they_meet():
    anchors, positives = torch.full((1, 2), 0.3), torch.tensor([[0.1, 0.9]])
    for special, general in [
        (NormalConditional(SPACES["box"], 0.3), GeneralisedNormalConditional(SPACES["box"], 2.0, 0.3 * math.sqrt(2.0))),
        (LaplaceConditional(SPACES["box"], 0.3), GeneralisedNormalConditional(SPACES["box"], 1.0, 0.3)),
        (LaplaceConditional(SPACES["box"], 0.3), GeneralisedNormalConditional(SPACES["box"], 1.0 + 1e-9, 0.3)),
    ]:
        assert special.is_factorised
        # 1 + 1e-9 is off the closed forms and goes through the tables.
        assert_close(
            special.log_density(anchors, positives), general.log_density(anchors, positives), rtol=0, atol=1e-8
        )


@given(value=st.sampled_from([0.0, -0.1, math.nan, math.inf]), which=st.integers(0, 3))
def test_a_scale_or_exponent_that_is_not_positive_and_finite_is_refused(value, which):
    builds = [
        lambda: NormalConditional(Box(2), value),
        lambda: LaplaceConditional(Box(2), [0.1, value]),
        lambda: GeneralisedNormalConditional(Box(2), 3.0, value),
        lambda: GeneralisedNormalConditional(Box(2), value, 0.1),
    ]
    with pytest.raises(DomainError):
        builds[which]()


def test_what_does_not_fit_the_space_is_refused():
    with pytest.raises(DomainError, match="Box or a Euclidean"):
        NormalConditional(Sphere(3), 0.1)
    with pytest.raises(ShapeError, match="one entry per factor"):
        LaplaceConditional(Box(3), [0.1, 0.2])
    with pytest.raises(DomainError, match="exponent"):
        GeneralisedNormalConditional(Box(3), 1e-3, 0.1)
    conditional = LaplaceConditional(Box(2), 0.1)
    generator = torch.Generator()
    with pytest.raises(DomainError, match="outside"):
        conditional.sample(torch.tensor([[0.5, 1.5]]), generator=generator)
    with pytest.raises(DomainError, match="finite"):
        conditional.sample(torch.tensor([[0.5, math.nan]]), generator=generator)
    with pytest.raises(ShapeError):
        conditional.sample(torch.zeros(2, 3), generator=generator)
    with pytest.raises(DtypeError):
        conditional.sample(torch.zeros(2, 2, dtype=torch.int64), generator=generator)
    with pytest.raises(DtypeError):
        conditional.sample(torch.zeros(2, 2), generator=7)
    with pytest.raises(ShapeError):
        conditional.log_density(torch.zeros(2, 2), torch.zeros(2, 3))
    with pytest.raises(DomainError):
        conditional.log_density(torch.zeros(2, 2), torch.full((2, 2), math.nan))
