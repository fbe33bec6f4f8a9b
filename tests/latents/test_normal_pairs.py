import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from contrica.errors import NoDensityError
from contrica.latents import (
    GaussianCopulaMarginal,
    LaplaceMarginal,
    LatentModel,
    LinearNormalConditional,
    LinearStructuralMarginal,
    NormalConditional,
    NormalMarginal,
)
from contrica.spaces import Euclidean

SPACE = Euclidean(2)
COVARIANCE = [[0.5, 0.3], [0.3, 0.4]]
STANDARD = NormalMarginal(SPACE)
CORRELATED = GaussianCopulaMarginal([NormalMarginal(SPACE, 2.0, centre=1.0), NormalMarginal(SPACE, 0.5)], 0.6)
CAUSAL = LinearStructuralMarginal(STANDARD, edge_probability=1.0, generator=torch.Generator().manual_seed(0))
MODELS = {
    "random walk": LatentModel(STANDARD, LinearNormalConditional.random_walk(SPACE, COVARIANCE)),
    "autoregressive": LatentModel(STANDARD, LinearNormalConditional.autoregressive(SPACE, [0.9, 0.5])),
    "rotating": LatentModel(STANDARD, LinearNormalConditional.rotating(SPACE, 0.8, 0.5)),
    "correlated": LatentModel(CORRELATED, NormalConditional(SPACE, [0.4, 0.3])),
    "causal": LatentModel(CAUSAL, LinearNormalConditional.random_walk(SPACE, COVARIANCE)),
}


@pytest.mark.parametrize("name", MODELS)
def test_positive_density_information_and_chi_square_are_those_of_the_joint_covariance(name):
    """The moments are taken from many draws; the formulas are those of block determinants."""
    model = MODELS[name]
    latents, positives = model.sample(200_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    joint = np.cov(torch.cat([latents, positives], 1).numpy().T)
    blocks = np.linalg.slogdet(joint[:2, :2])[1] + np.linalg.slogdet(joint[2:, 2:])[1] - np.linalg.slogdet(joint)[1]
    assert model.mutual_information() == pytest.approx(0.5 * blocks, abs=0.02)
    assert model.chi_square() == pytest.approx(math.exp(blocks) - 1.0, rel=0.05)
    law = stats.multivariate_normal(positives.mean(0).numpy(), joint[2:, 2:])
    points = positives[:50]
    assert_close(model.positive_log_density(points), torch.from_numpy(law.logpdf(points.numpy())), rtol=0.0, atol=0.1)
    ratio = model.log_density_ratio(latents[:20_000], positives[:20_000])
    assert abs(ratio.mean() - model.mutual_information()) < 4.0 * ratio.std() / math.sqrt(20_000)


def test_stationary_autoregression_is_exchangeable_and_drift_and_walks_are_not():
    expected = {"autoregressive"}
    generator = torch.Generator().manual_seed(2)
    for name, model in MODELS.items():
        latents, positives = model.sample(30, generator=generator, dtype=torch.float64)
        forth = model.marginal.log_density(latents) + model.conditional.log_density(latents, positives)
        back = model.marginal.log_density(positives) + model.conditional.log_density(positives, latents)
        assert torch.allclose(forth, back, atol=1e-8) == (name in expected)
        assert model.is_exchangeable == (name in expected)
        assert not model.has_constant_nuisances


def test_autoregression_has_its_known_information():
    model = LatentModel(NormalMarginal(SPACE, 3.0), LinearNormalConditional.autoregressive(SPACE, 0.9, scale=3.0))
    assert model.mutual_information() == pytest.approx(-math.log1p(-0.81), rel=1e-12)
    assert model.chi_square() == pytest.approx(1.0 / (1.0 - 0.81) ** 2 - 1.0, rel=1e-12)
    points = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert_close(model.positive_log_density(points), model.marginal.log_density(points))


def test_noise_far_below_the_spread_keeps_its_digits():
    model = LatentModel(STANDARD, LinearNormalConditional.random_walk(SPACE, [[1e-20, 0.0], [0.0, 1.0]]))
    expected = 0.5 * (math.log1p(1e20) + math.log(2.0))
    assert model.mutual_information() == pytest.approx(expected, rel=1e-9)


def test_other_margins_have_no_joint_normal_law():
    model = LatentModel(LaplaceMarginal(SPACE), LinearNormalConditional.autoregressive(SPACE, 0.9))
    with pytest.raises(NoDensityError):
        model.mutual_information()
    mixed = GaussianCopulaMarginal([NormalMarginal(SPACE), LaplaceMarginal(SPACE)], 0.5)
    with pytest.raises(NoDensityError):
        LatentModel(mixed, NormalConditional(SPACE, 0.5)).mutual_information()
