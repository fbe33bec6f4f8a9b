import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.dissimilarities import NormPower
from contrica.errors import DomainError, NoDensityError
from contrica.latents import GeneralisedNormalConditional, NormPowerConditional
from contrica.spaces import Box, Euclidean, Sphere


def conditional_on(space, norm_exponent=1.0, power=2.0, scale=0.3):
    return NormPowerConditional(space, norm_exponent=norm_exponent, power=power, scale=scale)


@pytest.mark.parametrize(("norm_exponent", "power"), [(1.0, 2.0), (3.0, 1.0), (0.5, 1.0), (2.0, 1.0), (4.0, 4.0)])
@pytest.mark.parametrize("dim", [1, 3, 20])
def test_the_power_of_the_radius_is_gamma_distributed(norm_exponent, power, dim):
    conditional = conditional_on(Euclidean(dim), norm_exponent, power)
    anchors = torch.randn(10_000, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = conditional.sample(anchors, generator=torch.Generator().manual_seed(1)) - anchors
    radii = (steps.abs() ** norm_exponent).sum(1) ** (1.0 / norm_exponent) / 0.3
    assert stats.kstest((radii**power).numpy(), stats.gamma(dim / power).cdf).pvalue > 1e-3
    assert (steps > 0).double().mean().sub(0.5).abs() < 4.0 * 0.5 / math.sqrt(10_000 * dim)


def test_a_wrong_power_is_noticed():
    anchors = torch.zeros(10_000, 3, dtype=torch.float64)
    steps = conditional_on(Euclidean(3)).sample(anchors, generator=torch.Generator().manual_seed(1))
    radii = steps.abs().sum(1) / 0.3
    assert stats.kstest((radii**1.9).numpy(), stats.gamma(3 / 1.9).cdf).pvalue < 1e-3


@pytest.mark.parametrize(("norm_exponent", "power"), [(1.0, 2.0), (3.0, 1.0), (2.5, 0.8)])
def test_the_directions_are_those_of_the_density_in_the_plane(norm_exponent, power):
    """The angle of a step has density proportional to ||(cos, sin)||_p^-2, whatever the power."""
    conditional = conditional_on(Euclidean(2), norm_exponent, power)
    anchors = torch.zeros(20_000, 2, dtype=torch.float64)
    steps = conditional.sample(anchors, generator=torch.Generator().manual_seed(2)).numpy()
    grid = np.linspace(-math.pi, math.pi, 40_001)
    norm = (np.abs(np.cos(grid)) ** norm_exponent + np.abs(np.sin(grid)) ** norm_exponent) ** (1.0 / norm_exponent)
    mass = integrate.cumulative_trapezoid(norm**-2.0, grid, initial=0.0)
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    assert stats.kstest(angles, lambda a: np.interp(a, grid, mass / mass[-1])).pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("norm_exponent", "power"), [(1.0, 2.0), (3.0, 1.0), (2.0, 2.0)])
def test_the_density_integrates_to_one_in_the_plane(norm_exponent, power):
    conditional = conditional_on(Euclidean(2), norm_exponent, power)
    axis = torch.linspace(-8.0, 8.0, 1601, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    density = conditional.log_density(torch.zeros(1, 2), points).exp()
    assert_close(density.sum().item() * 0.01**2, 1.0, rtol=1e-3, atol=0.0)  # the error of the grid at the kinks


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.02), (0.4, 0.6)])
def test_draws_on_a_box_are_the_truncated_law(place):
    conditional = conditional_on(Box(2))
    anchors = torch.tensor([place], dtype=torch.float64).expand(20_000, 2)
    positives = conditional.sample(anchors, generator=torch.Generator().manual_seed(3))
    assert Box(2).contains(positives, tolerance=0.0).all()
    axis = (np.arange(400) + 0.5) / 400
    across, down = np.meshgrid(axis, axis, indexing="ij")
    density = np.exp(-(((np.abs(across - place[0]) + np.abs(down - place[1])) / 0.3) ** 2))
    cells = density.reshape(8, 50, 8, 50).sum((1, 3))
    counts, _, _ = np.histogram2d(*positives.T.numpy(), bins=8, range=[(0, 1), (0, 1)])
    expected = 20_000 * cells / cells.sum()
    large = expected > 5.0
    observed = np.append(counts[large], counts[~large].sum())
    wanted = np.append(expected[large], expected[~large].sum() + 1e-9)
    assert stats.chisquare(observed, wanted).pvalue > 1e-3


def test_every_corner_of_a_ten_dimensional_box_is_served():
    conditional = conditional_on(Box(10), scale=0.1)
    anchors = torch.randint(0, 2, (500, 10), generator=torch.Generator().manual_seed(4)).double()
    positives = conditional.sample(anchors, generator=torch.Generator().manual_seed(5))
    assert Box(10).contains(positives, tolerance=0.0).all()
    # In a corner the truncated law is the untruncated one folded inwards: r^2 ~ Gamma(n/2) while r stays below 1/scale.
    radii = (positives - anchors).abs().sum(1) / 0.1
    assert stats.kstest(radii.square().numpy(), stats.gamma(5.0).cdf).pvalue > 1e-3


def test_the_bound_on_the_acceptance_holds_in_a_corner():
    conditional = conditional_on(Box(3), scale=0.8)
    steps = conditional_on(Euclidean(3), scale=0.8).sample(
        torch.zeros(100_000, 3, dtype=torch.float64), generator=torch.Generator().manual_seed(6)
    )
    share = float(((steps >= 0) & (steps <= 1)).all(1).double().mean())
    assert conditional.least_acceptance <= share + 4.0 * math.sqrt(share / 100_000)
    assert conditional.least_acceptance > 0.2 * share


def test_a_box_that_could_stall_is_refused_at_construction():
    with pytest.raises(DomainError, match="corner"):
        conditional_on(Box(20), scale=0.1)
    with pytest.raises(DomainError, match="corner"):
        conditional_on(Box(3), scale=1e5)
    assert conditional_on(Euclidean(20), scale=0.1).least_acceptance == 1.0
    assert conditional_on(Box(2), power=90.0, scale=1e-3).least_acceptance == 0.25


def test_the_log_density_plus_the_dissimilarity_does_not_depend_on_the_positive():
    conditional = conditional_on(Euclidean(4), 3.0, 1.5)
    generator = torch.Generator().manual_seed(7)
    anchors = torch.randn(5, 1, 4, generator=generator, dtype=torch.float64)
    positives = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    rest = conditional.log_density(anchors, positives) + conditional.dissimilarity(anchors, positives)
    assert isinstance(conditional.dissimilarity, NormPower)
    assert_close(rest, rest[0, 0].expand_as(rest), rtol=1e-12, atol=1e-12)


def test_where_the_power_is_the_exponent_the_factors_are_independent():
    anchors, positives = torch.zeros(1, 3), torch.tensor([[0.1, -0.2, 0.3]])
    conditional = conditional_on(Euclidean(3), 1.5, 1.5, 0.4)
    assert conditional.is_factorised
    assert not conditional_on(Euclidean(3)).is_factorised
    factorised = GeneralisedNormalConditional(Euclidean(3), 1.5, 0.4)
    assert_close(conditional.log_density(anchors, positives), factorised.log_density(anchors, positives))


def test_a_box_has_no_closed_form_normaliser_and_says_so():
    with pytest.raises(NoDensityError, match="closed-form"):
        conditional_on(Box(2)).log_density(torch.zeros(1, 2), torch.zeros(1, 2))


def test_one_state_gives_one_draw_the_next_another_and_the_global_one_is_left_alone():
    for space in (Euclidean(2), Box(2)):
        conditional = conditional_on(space)
        before = torch.get_rng_state()
        generator = torch.Generator().manual_seed(8)
        first, second = (conditional.sample(torch.zeros(5, 2), generator=generator) for _ in range(2))
        assert torch.equal(first, conditional.sample(torch.zeros(5, 2), generator=torch.Generator().manual_seed(8)))
        assert not torch.equal(first, second)
        assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["norm_exponent", "power", "scale"])
def test_a_parameter_that_is_not_positive_and_finite_is_refused(name, value):
    with pytest.raises(DomainError, match=name):
        conditional_on(Box(2), **{name: value})


def test_the_sphere_is_refused():
    with pytest.raises(DomainError):
        conditional_on(Sphere(3))
