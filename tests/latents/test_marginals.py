import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.errors import DomainError, DtypeError, NoDensityError, ShapeError
from contrica.latents import (
    BimodalMarginal,
    ExponentialTiltMarginal,
    GeneralisedNormalMarginal,
    LaplaceMarginal,
    NormalMarginal,
    UniformMarginal,
)
from contrica.spaces import Box, Euclidean, Sphere

BOX = Box(2, low=-1.0, high=2.0)
LINE = Euclidean(2)

# Each marginal beside its unnormalised density and where to integrate it.
CASES = {
    "uniform": (UniformMarginal(BOX), np.ones_like),
    "normal": (NormalMarginal(LINE, 0.7), lambda s: np.exp(-0.5 * (s / 0.7) ** 2)),
    "normal in a box": (NormalMarginal(BOX, 0.7, centre=1.5), lambda s: np.exp(-0.5 * ((s - 1.5) / 0.7) ** 2)),
    "laplace": (LaplaceMarginal(LINE, 0.7, centre=0.3), lambda s: np.exp(-np.abs(s - 0.3) / 0.7)),
    "laplace in a box": (LaplaceMarginal(BOX, 0.2), lambda s: np.exp(-np.abs(s - 0.5) / 0.2)),
    "generalised": (GeneralisedNormalMarginal(LINE, 3.0, 0.7), lambda s: np.exp(-(np.abs(s / 0.7) ** 3))),
    "generalised in a box": (
        GeneralisedNormalMarginal(BOX, 0.8, 0.3, centre=-1.0),
        lambda s: np.exp(-(abs((s + 1.0) / 0.3) ** 0.8)),
    ),
    "tilted down": (ExponentialTiltMarginal(BOX, 3.0), lambda s: np.exp(-3.0 * s)),
    "tilted up": (ExponentialTiltMarginal(BOX, -3.0), lambda s: np.exp(3.0 * s)),
    "not tilted": (ExponentialTiltMarginal(BOX, 0.0), np.ones_like),
    "bimodal": (
        BimodalMarginal(BOX, centres=(-0.9, 1.2), scale=0.3, first_weight=0.2),
        lambda s: (
            0.2 * stats.norm.pdf(s, -0.9, 0.3) / np.diff(stats.norm.cdf([-1.0, 2.0], -0.9, 0.3))[0]
            + 0.8 * stats.norm.pdf(s, 1.2, 0.3) / np.diff(stats.norm.cdf([-1.0, 2.0], 1.2, 0.3))[0]
        ),
    ),
}
GRID = np.linspace(-1.0, 2.0, 20001)


def grid_of(marginal):
    return GRID if isinstance(marginal.space, Box) else np.linspace(-12.0, 12.0, 40001)


def cumulative(marginal, density):
    grid = grid_of(marginal)
    values = integrate.cumulative_simpson(density(grid), x=grid, initial=0.0)
    return lambda s: np.interp(s, grid, values / values[-1])


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def test_draws_follow_the_density(case):
    marginal, density = case
    draws = marginal.sample(20_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for column in draws.T:
        assert stats.kstest(column.numpy(), cumulative(marginal, density)).pvalue > 1e-3


def test_the_factors_of_a_draw_are_independent(case):
    marginal, _ = case
    draws = marginal.sample(20_000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert abs(stats.spearmanr(draws[:, 0], draws[:, 1]).statistic) < 4.0 / math.sqrt(20_000)


def test_a_wrong_density_is_noticed():
    marginal, _ = CASES["normal"]
    draws = marginal.sample(20_000, generator=torch.Generator().manual_seed(1))
    wrong = cumulative(marginal, lambda s: np.exp(-0.5 * (s / 0.75) ** 2))
    assert stats.kstest(draws[:, 0].numpy(), wrong).pvalue < 1e-3


def test_the_log_density_is_the_normalised_density(case):
    marginal, density = case
    grid = grid_of(marginal)
    # A fine grid holds the kinks only approximately.
    constant = integrate.simpson(density(grid), x=grid)
    latents = marginal.sample(50, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected = np.log(density(latents.numpy()) / constant).sum(1)
    assert_close(marginal.log_density(latents), torch.from_numpy(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_the_density_of_one_factor_integrates_to_one(case):
    marginal, _ = case
    low, high = (marginal.space.low, marginal.space.high) if isinstance(marginal.space, Box) else (-40.0, 40.0)

    def density(s):
        return math.exp(marginal.factor_log_density(torch.tensor([s], dtype=torch.float64)).item())

    places = [place for place, _ in marginal.landmarks if low < place < high]
    assert_close(integrate.quad(density, low, high, points=places or None, limit=300)[0], 1.0, rtol=1e-7, atol=0.0)


def test_the_distribution_function_of_a_factor_is_the_integral_of_its_density_and_the_quantile_its_inverse(case):
    marginal, density = case
    grid = torch.from_numpy(grid_of(marginal))
    distribution = marginal.factor_distribution(grid)
    np.testing.assert_allclose(distribution.numpy(), cumulative(marginal, density)(grid.numpy()), rtol=0.0, atol=2e-4)
    shares = torch.linspace(0.001, 0.999, 201, dtype=torch.float64)
    values = marginal.factor_quantile(shares)
    assert (values.diff() > 0).all()
    assert_close(marginal.factor_distribution(values), shares, rtol=0.0, atol=1e-10)


def test_the_log_density_is_a_sum_over_the_factors(case):
    marginal, _ = case
    latents = marginal.sample(7, generator=torch.Generator().manual_seed(3)).reshape(7, 1, 2)
    assert marginal.is_factorised
    assert marginal.log_density(latents).shape == (7, 1)
    assert_close(marginal.log_density(latents), marginal.factor_log_density(latents).sum(-1))


def test_draws_of_a_box_stay_inside_and_its_outside_has_no_density(case):
    marginal, _ = case
    draws = marginal.sample(5000, generator=torch.Generator().manual_seed(4))
    assert draws.dtype == torch.float32
    assert marginal.space.contains(draws, tolerance=0.0).all()
    if isinstance(marginal.space, Box):
        assert marginal.log_density(torch.tensor([[0.0, 2.1]])).item() == -math.inf


@pytest.mark.parametrize("scale", [1e-9, 1e9])
@pytest.mark.parametrize("centre", [-1.0, 0.1, 2.0])
def test_extreme_scales_stay_in_the_box_with_a_finite_density(scale, centre):
    for marginal in (NormalMarginal(BOX, scale, centre=centre), LaplaceMarginal(BOX, scale, centre=centre)):
        draws = marginal.sample(1000, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        assert BOX.contains(draws, tolerance=0.0).all()
        assert torch.isfinite(marginal.log_density(draws)).all()


@pytest.mark.parametrize("rate", [-1e4, 1e4, 1e-12])
def test_an_extreme_tilt_is_exact(rate):
    marginal = ExponentialTiltMarginal(BOX, rate)
    draws = marginal.sample(20_000, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    depth = (draws[:, 0] + 1.0 if rate > 0 else 2.0 - draws[:, 0]).numpy()
    law = stats.uniform(0.0, 3.0) if abs(rate) < 1 else stats.expon(scale=1.0 / abs(rate))
    assert stats.kstest(depth, law.cdf).pvalue > 1e-3
    expected = law.logpdf(depth) + law.logpdf((draws[:, 1] + 1.0 if rate > 0 else 2.0 - draws[:, 1]).numpy())
    assert_close(marginal.log_density(draws), torch.from_numpy(expected), rtol=1e-7, atol=1e-7)


def test_uniform_directions_have_the_right_area_and_no_preferred_one():
    marginal = UniformMarginal(Sphere(5))
    draws = marginal.sample(20_000, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    assert Sphere(5).contains(draws, tolerance=1e-12).all()
    # The square of one coordinate of a uniform direction is Beta(1/2, (n - 1)/2).
    assert stats.kstest(draws[:, 2].square().numpy(), stats.beta(0.5, 2.0).cdf).pvalue > 1e-3
    assert draws.mean(0).abs().max() < 4.0 / math.sqrt(5 * 20_000)
    assert_close(
        marginal.log_density(draws[:3]).exp(), torch.full((3,), 1.0 / (8.0 / 3.0 * math.pi**2), dtype=torch.float64)
    )


def test_the_factors_of_a_direction_have_no_density_of_their_own():
    marginal = UniformMarginal(Sphere(3))
    assert not marginal.is_factorised
    with pytest.raises(NoDensityError, match="couples"):
        marginal.factor_log_density(torch.zeros(3))


def test_one_state_gives_one_draw_and_the_next_state_another(case):
    marginal, _ = case
    generator = torch.Generator().manual_seed(8)
    first, second = marginal.sample(5, generator=generator), marginal.sample(5, generator=generator)
    assert torch.equal(first, marginal.sample(5, generator=torch.Generator().manual_seed(8)))
    assert not torch.equal(first, second)


def test_the_global_generator_is_left_alone(case):
    marginal, _ = case
    before = torch.get_rng_state()
    marginal.sample(5, generator=torch.Generator().manual_seed(8))
    assert torch.equal(before, torch.get_rng_state())


@given(value=st.sampled_from([0.0, -1.0, math.nan, math.inf]))
def test_a_scale_that_is_not_positive_and_finite_is_refused(value):
    for build in (
        lambda: NormalMarginal(LINE, value),
        lambda: LaplaceMarginal(BOX, value),
        lambda: GeneralisedNormalMarginal(BOX, 3.0, value),
        lambda: GeneralisedNormalMarginal(BOX, value, 1.0),
        lambda: BimodalMarginal(BOX, centres=(0.0, 1.0), scale=value),
    ):
        with pytest.raises(DomainError):
            build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: UniformMarginal(LINE),
        lambda: NormalMarginal(Sphere(3), 1.0),
        lambda: ExponentialTiltMarginal(LINE, 1.0),
        lambda: ExponentialTiltMarginal(BOX, math.nan),
        lambda: BimodalMarginal(LINE, centres=(0.0, 1.0), scale=0.1),
        lambda: BimodalMarginal(BOX, centres=(0.0, 3.0), scale=0.1),
        lambda: BimodalMarginal(BOX, centres=(0.0, 1.0), scale=0.1, first_weight=1.0),
        lambda: LaplaceMarginal(BOX, 1.0, centre=2.5),
        lambda: GeneralisedNormalMarginal(LINE, 0.01, 1.0),
    ],
)
def test_a_law_that_makes_no_sense_is_refused(build):
    with pytest.raises(DomainError):
        build()


def test_what_is_no_sample_is_refused():
    marginal = UniformMarginal(BOX)
    generator = torch.Generator()
    with pytest.raises(DomainError):
        marginal.sample(0, generator=generator)
    with pytest.raises(DtypeError):
        marginal.sample(3, generator=generator, dtype=torch.int64)
    with pytest.raises(DtypeError):
        marginal.sample(3, generator=None)
    with pytest.raises(ShapeError):
        marginal.log_density(torch.zeros(4, 3))
    with pytest.raises(DomainError):
        marginal.log_density(torch.full((4, 2), math.nan))
    with pytest.raises(DtypeError):
        marginal.log_density(torch.zeros(4, 2, dtype=torch.int64))
