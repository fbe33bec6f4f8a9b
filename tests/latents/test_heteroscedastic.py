import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.errors import DomainError, NoDensityError, ShapeError
from contrica.latents import GeneralisedNormalConditional, HeteroscedasticConditional
from contrica.spaces import Box, Euclidean, Sphere


@pytest.mark.parametrize(("exponent", "place"), [(1.0, 0.1), (2.0, 0.9), (3.0, 0.5)])
def test_draws_follow_the_density_whose_scale_is_the_anchors(exponent, place):
    conditional = HeteroscedasticConditional(Box(1), exponent, 0.1, growth=1.5)
    anchors = torch.full((10_000, 1), place, dtype=torch.float64)
    drawn = conditional.sample(anchors, generator=torch.Generator().manual_seed(0))
    grid = np.unique(np.append(np.linspace(0.0, 1.0, 4001), place))
    for growth, fits in ((1.5, True), (0.0, False)):
        scale = 0.1 * math.exp(growth * place)
        density = np.exp(-((np.abs(grid - place) / scale) ** exponent))
        mass = integrate.cumulative_trapezoid(density, grid, initial=0.0)
        surprise = stats.kstest(drawn[:, 0].numpy(), lambda v, mass=mass: np.interp(v, grid, mass / mass[-1])).pvalue
        assert (surprise > 1e-3) == fits
        if fits:
            expected = torch.from_numpy(np.log(density / mass[-1]))
            values = conditional.log_density(anchors[:1], torch.from_numpy(grid[:, None]))
            assert_close(values, expected, rtol=0.0, atol=1e-4)  # the error of the grid


def test_without_growth_it_is_even_noise():
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    even = GeneralisedNormalConditional(Box(2), 1.5, [0.1, 0.3])
    conditional = HeteroscedasticConditional(Box(2), 1.5, [0.1, 0.3], growth=0.0)
    assert_close(conditional.log_density(points[:, None], points), even.log_density(points[:, None], points))
    drawn, same = (law.sample(points, generator=torch.Generator().manual_seed(2)) for law in (conditional, even))
    assert_close(drawn, same)


def test_growth_leaves_no_delta():
    conditional = HeteroscedasticConditional(Box(2), 1.0, 0.1, growth=1.0)
    assert conditional.dissimilarity is None
    assert conditional.is_factorised
    with pytest.raises(NoDensityError):
        conditional.log_base_measure(torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((Sphere(2), 1.0, 0.1, 1.0), DomainError),
        ((Box(2), 0.0, 0.1, 1.0), DomainError),
        ((Box(2), 1.0, -0.1, 1.0), DomainError),
        ((Euclidean(2), 1.0, [0.1], 1.0), ShapeError),
        ((Box(2), 1.0, 0.1, math.nan), DomainError),
    ],
)
def test_what_describes_no_noise_is_refused(arguments, error):
    *rest, growth = arguments
    with pytest.raises(error):
        HeteroscedasticConditional(*rest, growth=growth)
