import math

import pytest
import torch
from torch.testing import assert_close

from contrica.errors import NoDensityError
from contrica.latents.factor import FactorModel
from contrica.latents.generalised_normal import TruncatedGeneralisedNormal
from contrica.latents.marginals import ExponentialTiltMarginal, GeneralisedNormalMarginal, UniformMarginal
from contrica.spaces import Box, Euclidean

POINTS = torch.linspace(0.0, 1.0, 1001, dtype=torch.float64)


@pytest.mark.parametrize(
    ("exponent", "scale"), [(0.5, 0.1), (1.0, 0.003), (1.0, 30.0), (1.7, 0.02), (2.0, 0.003), (6.0, 0.1)]
)
@pytest.mark.slow
def test_the_table_of_the_positive_density_is_the_quadrature(exponent, scale):
    noise = TruncatedGeneralisedNormal(exponent, scale=scale, intervals=[(0.0, 1.0)])
    factor = FactorModel(ExponentialTiltMarginal(Box(1), 4.0), noise)
    points = POINTS[::50]
    assert_close(factor.positive_log_density(points), factor._marginalised(points, power=1), rtol=0.0, atol=1e-9)


def test_noise_far_above_the_box_says_nothing_and_noise_far_below_says_the_volume():
    loud = TruncatedGeneralisedNormal(2.0, scale=1e4, intervals=[(0.0, 1.0)])
    assert_close(FactorModel(UniformMarginal(Box(1)), loud).mutual_information(), 0.0, rtol=0.0, atol=1e-9)
    quiet = TruncatedGeneralisedNormal(1.0, scale=1e-6, intervals=[(0.0, 1.0)])
    # log(1/(2 scale)) - 1, but for the walls, which matter within a scale.
    expected = -math.log(2e-6) - 1.0
    assert_close(FactorModel(UniformMarginal(Box(1)), quiet).mutual_information(), expected, rtol=0.0, atol=1e-5)


@pytest.mark.slow
def test_tails_that_fall_too_slowly_to_be_integrated_are_refused():
    noise = TruncatedGeneralisedNormal(3.0, scale=1.0, intervals=[(-math.inf, math.inf)])
    marginal = GeneralisedNormalMarginal(Euclidean(1), 1.001, 1.0)
    with pytest.raises(NoDensityError, match="too slowly"):
        FactorModel(marginal, noise).log_mean_ratio()
