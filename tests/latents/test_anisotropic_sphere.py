import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.dissimilarities import PowerSum
from contrica.errors import DomainError, ShapeError
from contrica.latents import AnisotropicSphereConditional, UniformMarginal, VonMisesFisherConditional
from contrica.latents.anisotropic_sphere import log_least_radial_mass
from contrica.latents.radial_integral import radial_integral
from contrica.spaces import Box, Sphere

LADDER = [5.0 + 20.0 * step / 9.0 for step in range(10)]
ANCHOR = np.array([0.48, 0.6, 0.64])


def exponent(points, anchor, weights):
    return -((points - anchor) ** 2 @ np.asarray(weights))


def sphere_grid(size=1200):
    """Points of S^2 in cylindrical cells of equal area: heights by azimuths."""
    heights = -1.0 + 2.0 * (np.arange(size) + 0.5) / size
    azimuths = 2.0 * math.pi * (np.arange(size) + 0.5) / size
    height, azimuth = np.meshgrid(heights, azimuths, indexing="ij")
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), height], -1), 4.0 * math.pi / size**2


@pytest.mark.slow
@pytest.mark.parametrize("weights", [[1.0, 3.0, 9.0], [0.1, 0.1, 30.0]])
def test_draws_on_the_sphere_follow_the_density(weights):
    points, cell = sphere_grid()
    mass = np.exp(exponent(points, ANCHOR, weights))
    conditional = AnisotropicSphereConditional(Sphere(3), weights)
    anchors = torch.from_numpy(ANCHOR).expand(10_000, 3)
    drawn = conditional.sample(anchors, generator=torch.Generator().manual_seed(0)).numpy()
    heights = np.linspace(-1.0, 1.0, len(mass) + 1)
    law = np.append(0.0, np.cumsum(mass.sum(1))) / mass.sum()
    assert stats.kstest(drawn[:, 2], lambda h: np.interp(h, heights, law)).pvalue > 1e-3
    azimuths = np.linspace(0.0, 2.0 * math.pi, len(mass) + 1)
    turns = np.append(0.0, np.cumsum(mass.sum(0))) / mass.sum()
    turned = np.mod(np.arctan2(drawn[:, 1], drawn[:, 0]), 2.0 * math.pi)
    assert stats.kstest(turned, lambda a: np.interp(a, azimuths, turns)).pvalue > 1e-3
    products = (points[..., 0] * points[..., 1] * mass).sum() / mass.sum()
    seen = drawn[:, 0] * drawn[:, 1]
    assert abs(seen.mean() - products) < 4.0 * seen.std() / 100.0
    wrong = AnisotropicSphereConditional(Sphere(3), [weights[2], weights[1], weights[0]])
    drawn = wrong.sample(anchors, generator=torch.Generator().manual_seed(0)).numpy()
    assert stats.kstest(drawn[:, 2], lambda h: np.interp(h, heights, law)).pvalue < 1e-3
    assert_close(
        conditional.log_normaliser(anchors[:1]).item(), math.log(mass.sum() * cell), rtol=0.0, atol=1e-5
    )  # the error of the grid


def test_draws_on_the_circle_follow_the_density():
    weights, anchor = [1.0, 40.0], np.array([math.cos(2.0), math.sin(2.0)])
    conditional = AnisotropicSphereConditional(Sphere(2), weights)
    drawn = conditional.sample(
        torch.from_numpy(anchor).expand(10_000, 2), generator=torch.Generator().manual_seed(1)
    ).numpy()
    angles = np.linspace(-math.pi, math.pi, 20_001)
    density = np.exp(exponent(np.stack([np.cos(angles), np.sin(angles)], 1), anchor, weights))
    mass = integrate.cumulative_simpson(density, x=angles, initial=0.0)
    seen = np.arctan2(drawn[:, 1], drawn[:, 0])
    assert stats.kstest(seen, lambda a: np.interp(a, angles, mass / mass[-1])).pvalue > 1e-3
    value = conditional.log_normaliser(torch.from_numpy(anchor[None])).item()
    assert_close(value, math.log(mass[-1]), rtol=0.0, atol=1e-9)


@pytest.mark.parametrize(("dim", "weight"), [(2, 0.01), (3, 5.0), (10, 12.5), (10, 1e4), (40, 2.0)])
def test_equal_weights_are_von_mises_fisher(dim, weight):
    conditional = AnisotropicSphereConditional(Sphere(dim), weight)
    round_law = VonMisesFisherConditional(Sphere(dim), 2.0 * weight)
    points = UniformMarginal(Sphere(dim)).sample(20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert_close(
        conditional.log_density(points[:, None], points),
        round_law.log_density(points[:, None], points),
        rtol=1e-10,
        atol=1e-9,
    )
    if dim <= 10:
        anchors = points[:1].expand(5000, dim)
        seen, known = (
            (law.sample(anchors, generator=torch.Generator().manual_seed(seed)) * anchors).sum(1).numpy()
            for seed, law in ((3, conditional), (4, round_law))
        )
        assert stats.ks_2samp(seen, known).pvalue > 1e-3


def test_the_density_of_ten_concentrations_averages_to_one_over_the_sphere():
    conditional = AnisotropicSphereConditional(Sphere(10), [step / 5.0 for step in LADDER])
    generator = torch.Generator().manual_seed(5)
    anchor = UniformMarginal(Sphere(10)).sample(1, generator=generator, dtype=torch.float64)
    points = UniformMarginal(Sphere(10)).sample(100_000, generator=generator, dtype=torch.float64)
    shares = (conditional.log_density(anchor, points) + Sphere(10).log_area).exp()
    assert abs(shares.mean() - 1.0) < 4.0 * shares.std() / math.sqrt(100_000)
    assert shares.std() / math.sqrt(100_000) < 0.05


@pytest.mark.slow
@given(
    weights=st.lists(st.floats(0.01, 300.0), min_size=2, max_size=12),
    seed=st.integers(0, 10),
    closeness=st.sampled_from([0.0, 1.0, 30.0]),
)
def test_no_proposal_would_be_accepted_with_a_chance_above_one(weights, seed, closeness):
    """I(x) >= M for all points and anchors: the bound that makes the rejection exact."""
    dim, largest = len(weights), max(weights)
    generator = torch.Generator().manual_seed(seed)
    anchors, other = torch.randn(2, 200, dim, generator=generator, dtype=torch.float64)
    points = torch.nn.functional.normalize(other + closeness * anchors, dim=1)
    anchors = torch.nn.functional.normalize(anchors, dim=1)
    table = torch.tensor(weights, dtype=torch.float64)
    a, b = (table * points**2).sum(1), (table * points * anchors).sum(1)
    mass = a - 2 * b - 0.5 * dim * (2 * a).log() + radial_integral(dim, math.sqrt(2 * largest))(2 * b / (2 * a).sqrt())
    assert (log_least_radial_mass(dim, largest) <= mass).all()


def test_it_is_a_law_of_its_dissimilarity():
    conditional = AnisotropicSphereConditional(Sphere(10), LADDER)
    assert isinstance(conditional.dissimilarity, PowerSum)
    assert not conditional.is_factorised
    anchors = UniformMarginal(Sphere(10)).sample(2000, generator=torch.Generator().manual_seed(6))
    drawn = conditional.sample(anchors, generator=torch.Generator().manual_seed(7))
    assert_close(torch.linalg.vector_norm(drawn, dim=1), torch.ones(2000))
    assert torch.equal(drawn, conditional.sample(anchors, generator=torch.Generator().manual_seed(7)))
    spread = (drawn - anchors).square().mean(0)
    assert spread[0] > 2.0 * spread[9]


@pytest.mark.parametrize(
    ("space", "weights", "error"),
    [
        (Box(3), 1.0, DomainError),
        (Sphere(3), 0.0, DomainError),
        (Sphere(3), 1e7, DomainError),
        (Sphere(3), math.nan, DomainError),
        (Sphere(3), [1.0, 2.0], ShapeError),
    ],
)
def test_what_describes_no_such_law_is_refused(space, weights, error):
    with pytest.raises(error):
        AnisotropicSphereConditional(space, weights)
