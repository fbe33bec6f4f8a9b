import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch.testing import assert_close

from contrica.dissimilarities import SphereDot
from contrica.errors import DomainError
from contrica.latents import UniformMarginal, VonMisesFisherConditional
from contrica.latents.von_mises_fisher import bessel_ratio, log_normaliser
from contrica.spaces import Box, Sphere

DIMENSIONS = [2, 3, 5, 10, 64]
CONCENTRATIONS = [0.01, 1.0, 30.0, 1e4]


def cosine_deficit_law(dim, concentration):
    """CDF and mean of v = 1 - cos, whose density is (v (2 - v))^((n-3)/2) exp(-k v), and log Z, by a fine grid.

    With v = 2 sin(a/2)^2 the density in the angle a is sin(a)^(n-2) exp(-2 k sin(a/2)^2), smooth for every n.
    """
    angles = np.linspace(0.0, min(math.pi, (60.0 + 2 * math.sqrt(dim)) / math.sqrt(concentration)), 200_001)
    with np.errstate(divide="ignore"):
        log_density = -2.0 * concentration * np.sin(0.5 * angles) ** 2
        if dim > 2:
            log_density = log_density + (dim - 2) * np.log(np.sin(angles).clip(0.0))
    top = log_density.max()
    density = np.exp(log_density - top)
    mass = integrate.cumulative_trapezoid(density, angles, initial=0.0)
    deficit = 2.0 * np.sin(0.5 * angles) ** 2
    mean = integrate.trapezoid(density * deficit, angles) / mass[-1]
    lower_sphere = math.log(2.0) + 0.5 * (dim - 1) * math.log(math.pi) - math.lgamma(0.5 * (dim - 1))
    return (lambda v: np.interp(v, deficit, mass / mass[-1])), mean, math.log(mass[-1]) + top + lower_sphere


@pytest.mark.slow
@pytest.mark.parametrize("dim", DIMENSIONS)
@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_the_angles_follow_the_density(dim, concentration):
    conditional = VonMisesFisherConditional(Sphere(dim), concentration)
    generator = torch.Generator().manual_seed(1)
    anchors = UniformMarginal(Sphere(dim)).sample(10_000, generator=generator, dtype=torch.float64)
    positives = conditional.sample(anchors, generator=generator)
    assert_close(torch.linalg.vector_norm(positives, dim=1), torch.ones(10_000, dtype=torch.float64))
    deficit = 0.5 * (anchors - positives).square().sum(1)
    cumulative, mean, _ = cosine_deficit_law(dim, concentration)
    assert stats.kstest(deficit.numpy(), cumulative).pvalue > 1e-3
    assert abs(float(deficit.mean()) - mean) < 4.0 * float(deficit.std()) / math.sqrt(10_000)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_steps_have_no_preferred_direction_around_any_anchor(sign):
    anchor = torch.tensor([sign, 0.0, 0.0, 0.0], dtype=torch.float64)
    conditional = VonMisesFisherConditional(Sphere(4), 20.0)
    positives = conditional.sample(anchor.expand(20_000, 4), generator=torch.Generator().manual_seed(2))
    resultant = positives.mean(0)
    expected = sign * special.ive(2.0, 20.0) / special.ive(1.0, 20.0)
    assert abs(float(resultant[0]) - expected) < 4.0 * float(positives[:, 0].std()) / math.sqrt(20_000)
    tangents = torch.nn.functional.normalize(positives[:, 1:], dim=1)
    assert tangents.mean(0).abs().max() < 4.0 / math.sqrt(3 * 20_000)
    # One coordinate of a uniform direction in R^3 is uniform in (-1, 1).
    assert stats.kstest(tangents[:, 1].numpy(), stats.uniform(-1.0, 2.0).cdf).pvalue > 1e-3


def test_a_wrong_concentration_is_noticed():
    anchors = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64).expand(10_000, 3)
    positives = VonMisesFisherConditional(Sphere(3), 10.6).sample(anchors, generator=torch.Generator().manual_seed(1))
    cumulative, _, _ = cosine_deficit_law(3, 10.0)
    assert stats.kstest((1.0 - positives[:, 0]).numpy(), cumulative).pvalue < 1e-3


@pytest.mark.parametrize("dim", DIMENSIONS)
@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_normaliser_and_mean_cosine_agree_with_numerical_integration(dim, concentration):
    _, mean, log_z = cosine_deficit_law(dim, concentration)
    conditional = VonMisesFisherConditional(Sphere(dim), concentration)
    assert_close(conditional.constant_log_normaliser, log_z, rtol=1e-8, atol=1e-8)
    assert_close(1.0 - conditional.mean_cosine, mean, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("dim", "concentration"), [(2000, 1e-3), (4000, 50.0), (3, 1e6), (2, 1e-8)])
def test_the_normaliser_is_finite_where_bessel_functions_underflow(dim, concentration):
    step = 1e-4 * concentration
    slope = (log_normaliser(dim, concentration + step) - log_normaliser(dim, concentration - step)) / (2.0 * step)
    # d/dk log Z = E[cos] - 1; a difference of logs of this size keeps about this many digits.
    assert_close(slope, bessel_ratio(0.5 * dim - 1.0, concentration) - 1.0, rtol=1e-3, atol=1e-6)


def test_the_density_in_three_dimensions_is_the_closed_form():
    conditional = VonMisesFisherConditional(Sphere(3), 7.0)
    points = UniformMarginal(Sphere(3)).sample(20, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    cosines = points[:10] @ points[10:].T
    expected = math.log(7.0 / (2.0 * math.pi * (1.0 - math.exp(-14.0)))) + 7.0 * (cosines - 1.0)
    assert_close(conditional.log_density(points[:10, None], points[None, 10:]), expected)


def test_the_log_density_plus_the_dissimilarity_does_not_depend_on_the_positive():
    conditional = VonMisesFisherConditional(Sphere(6), 12.0)
    points = UniformMarginal(Sphere(6)).sample(30, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    rest = conditional.log_density(points[:5, None], points) + conditional.dissimilarity(points[:5, None], points)
    assert isinstance(conditional.dissimilarity, SphereDot)
    assert not conditional.is_factorised
    assert_close(rest, torch.full_like(rest, -conditional.constant_log_normaliser), rtol=1e-12, atol=1e-12)


def test_one_state_gives_one_draw_the_next_another_and_the_global_one_is_left_alone():
    conditional = VonMisesFisherConditional(Sphere(3), 5.0)
    anchors = torch.tensor([[0.0, 0.6, 0.8]]).expand(5, 3)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(8)
    first, second = (conditional.sample(anchors, generator=generator) for _ in range(2))
    assert first.dtype == torch.float32
    assert torch.equal(first, conditional.sample(anchors, generator=torch.Generator().manual_seed(8)))
    assert not torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_off_the_sphere_or_out_of_range_is_refused():
    with pytest.raises(DomainError, match="Sphere"):
        VonMisesFisherConditional(Box(3), 1.0)
    for concentration in (0.0, -1.0, math.nan, math.inf, 1e9):
        with pytest.raises(DomainError):
            VonMisesFisherConditional(Sphere(3), concentration)
    with pytest.raises(DomainError, match="outside"):
        VonMisesFisherConditional(Sphere(2), 1.0).sample(torch.tensor([[1.0, 1.0]]), generator=torch.Generator())
