import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.errors import DomainError, DtypeError, NoDensityError, ShapeError
from contrica.latents import (
    BimodalMarginal,
    ExponentialTiltMarginal,
    GaussianCopulaMarginal,
    LaplaceConditional,
    LaplaceMarginal,
    LatentModel,
    NormalMarginal,
    UniformMarginal,
)
from contrica.spaces import Box, Euclidean, Sphere

BOX, PLANE = Box(2), Euclidean(2)
BIMODAL = BimodalMarginal(BOX, centres=(0.2, 0.8), scale=0.1, first_weight=0.3)
CASES = {
    "uniform": [UniformMarginal(BOX)],
    "tilted and bimodal": [ExponentialTiltMarginal(BOX, 3.0), BIMODAL],
    "Laplace and normal": [LaplaceMarginal(PLANE, 0.5), NormalMarginal(PLANE, 2.0, centre=1.0)],
}


def correlated(name, correlation=0.7):
    laws = CASES[name]
    return GaussianCopulaMarginal(laws[0] if len(laws) == 1 else laws, correlation)


@pytest.mark.parametrize("name", CASES)
def test_each_factor_keeps_its_law_and_the_ranks_their_correlation(name):
    marginal = correlated(name)
    drawn = marginal.sample(10_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert marginal.space.contains(drawn).all()
    for law, column in zip((CASES[name] * 2)[:2], drawn.T, strict=True):
        alone = law.sample(10_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        assert stats.ks_2samp(column.numpy(), alone[:, 0].numpy()).pvalue > 1e-3
    # Spearman's correlation of a Gaussian copula is 6/pi arcsin(rho/2).
    ranks = stats.spearmanr(drawn[:, 0], drawn[:, 1]).statistic
    assert abs(ranks - 6.0 / math.pi * math.asin(0.35)) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_density_integrates_to_one_and_to_the_law_of_each_factor(name):
    marginal = correlated(name)
    ends = [(-14.0, 15.0)] * 2 if name == "Laplace and normal" else [(0.0, 1.0)] * 2
    axes = [np.linspace(low, high, 801)[1:-1] for low, high in ends]
    points = torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), -1))
    density = marginal.log_density(points).exp().numpy()
    one = integrate.trapezoid(density, axes[1], axis=1)
    assert integrate.trapezoid(one, axes[0]) == pytest.approx(1.0, abs=0.01)  # what the open ends of the grid leave out
    alone = CASES[name][0].factor_log_density(torch.from_numpy(axes[0])).exp().numpy()
    middle = slice(100, 700)
    np.testing.assert_allclose(one[middle], alone[middle], rtol=0.02, atol=1e-4)


def test_normal_margins_give_a_multivariate_normal():
    table = [[1.0, 0.5, -0.2], [0.5, 1.0, 0.3], [-0.2, 0.3, 1.0]]
    marginal = GaussianCopulaMarginal(NormalMarginal(Euclidean(3), 2.0, centre=1.0), table)
    points = np.random.default_rng(0).normal(1.0, 2.0, size=(50, 3))
    expected = stats.multivariate_normal([1.0] * 3, 4.0 * np.array(table)).logpdf(points)
    assert_close(marginal.log_density(torch.from_numpy(points)), torch.from_numpy(expected), rtol=1e-9, atol=1e-9)
    outside = correlated("uniform").log_density(torch.tensor([[0.5, 1.2]]))
    assert outside.item() == -math.inf


def test_without_correlation_it_is_the_product():
    marginal = correlated("tilted and bimodal", 0.0)
    points = torch.rand(30, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = sum(law.factor_log_density(points[:, i]) for i, law in enumerate(CASES["tilted and bimodal"]))
    assert_close(marginal.log_density(points), expected)


def test_correlated_factors_have_no_law_each_and_pairs_no_exact_ratio():
    marginal = correlated("uniform")
    assert not marginal.is_factorised
    for ask in (marginal.factor_log_density, marginal.factor_distribution, marginal.factor_quantile):
        with pytest.raises(NoDensityError, match="couples"):
            ask(torch.tensor([0.5]))
    model = LatentModel(marginal, LaplaceConditional(BOX, 0.1))
    latents, positives = model.sample(10, generator=torch.Generator().manual_seed(3))
    with pytest.raises(NoDensityError, match="over all 2 dimensions"):
        model.log_density_ratio(latents, positives)


@pytest.mark.parametrize(
    ("margins", "correlation", "error"),
    [
        (UniformMarginal(BOX), 1.0, DomainError),
        (UniformMarginal(BOX), -1.0, DomainError),
        (UniformMarginal(BOX), math.nan, DomainError),
        (UniformMarginal(BOX), [[2.0, 0.1], [0.1, 2.0]], DomainError),
        (UniformMarginal(BOX), [[1.0, 0.1]], ShapeError),
        (UniformMarginal(Sphere(3)), 0.1, NoDensityError),
        ([UniformMarginal(BOX)] * 3, 0.1, ShapeError),
        ([UniformMarginal(BOX), NormalMarginal(PLANE)], 0.1, DomainError),
        ([], 0.1, DomainError),
        ("uniform", 0.1, DtypeError),
    ],
)
def test_what_is_no_copula_is_refused(margins, correlation, error):
    with pytest.raises(error):
        GaussianCopulaMarginal(margins, correlation)
