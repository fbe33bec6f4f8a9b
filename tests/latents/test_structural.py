import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from contrica.errors import DomainError, DtypeError
from contrica.latents import (
    LaplaceMarginal,
    LinearStructuralMarginal,
    MLPStructuralMarginal,
    NormalMarginal,
    UniformMarginal,
)
from contrica.spaces import Box, Euclidean

NOISE = LaplaceMarginal(Euclidean(4), 0.7)
MODELS = {
    "linear": lambda seed=0, **options: LinearStructuralMarginal(
        NOISE, generator=torch.Generator().manual_seed(seed), **options
    ),
    "mlp": lambda seed=0, **options: MLPStructuralMarginal(
        NOISE, generator=torch.Generator().manual_seed(seed), **options
    ),
}


def effects(marginal, latents):
    """Transcribe f of the docstrings, one row and one factor at a time."""
    table = np.zeros(latents.shape)
    for row, point in enumerate(latents):
        for i in range(latents.shape[1]):
            if isinstance(marginal, LinearStructuralMarginal):
                table[row, i] = marginal.weights[i].numpy() @ point
            else:
                hidden = np.tanh(marginal.input_weights[i].numpy() @ point + marginal.biases[i].numpy())
                table[row, i] = marginal.output_weights[i].numpy() @ hidden
    return table


@pytest.mark.parametrize("name", MODELS)
def test_what_is_left_of_draws_after_the_effects_is_the_noise(name):
    marginal = MODELS[name](edge_probability=1.0)
    drawn = marginal.sample(4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()
    noise = drawn - effects(marginal, drawn)
    for column in noise.T:
        assert stats.kstest(column, stats.laplace(scale=0.7).cdf).pvalue > 1e-3
    ranks = stats.spearmanr(noise).statistic - np.eye(4)
    assert np.abs(ranks).max() < 4.5 / math.sqrt(4000)
    assert np.abs(stats.spearmanr(drawn).statistic - np.eye(4)).max() > 0.2


@pytest.mark.parametrize("name", MODELS)
def test_the_density_is_that_of_the_noise(name):
    marginal = MODELS[name](edge_probability=0.7)
    points = np.random.default_rng(0).normal(size=(20, 4))
    expected = stats.laplace(scale=0.7).logpdf(points - effects(marginal, points)).sum(1)
    assert_close(marginal.log_density(torch.from_numpy(points)), torch.from_numpy(expected))
    batched = marginal.log_density(torch.from_numpy(points).reshape(4, 5, 4))
    assert_close(batched.flatten(), torch.from_numpy(expected))


def test_a_linear_model_of_normal_noise_is_a_normal_law():
    marginal = LinearStructuralMarginal(
        NormalMarginal(Euclidean(3), 0.5), edge_probability=1.0, generator=torch.Generator().manual_seed(2)
    )
    mixing = np.linalg.inv(np.eye(3) - marginal.weights.numpy())
    points = np.random.default_rng(1).normal(size=(20, 3))
    expected = stats.multivariate_normal(np.zeros(3), 0.25 * mixing @ mixing.T).logpdf(points)
    assert_close(marginal.log_density(torch.from_numpy(points)), torch.from_numpy(expected))


@pytest.mark.parametrize("name", MODELS)
def test_causes_come_before_effects_and_the_generator_decides_the_graph(name):
    marginal = MODELS[name](edge_probability=0.5)
    assert not marginal.parents.triu().any()
    assert not marginal.is_factorised
    same, other = MODELS[name](edge_probability=0.5), MODELS[name](seed=5, edge_probability=0.5)
    point = torch.ones(1, 4)
    assert torch.equal(marginal.log_density(point), same.log_density(point))
    assert not torch.equal(marginal.log_density(point), other.log_density(point))
    lonely = MODELS[name](edge_probability=0.0)
    assert_close(lonely.log_density(point), NOISE.log_density(point))
    before = torch.get_rng_state()
    marginal.sample(3, generator=torch.Generator())
    assert torch.equal(before, torch.get_rng_state())


def test_the_strength_is_about_the_size_of_what_parents_add():
    marginal = MODELS["mlp"](edge_probability=1.0, strength=2.0, hidden=200)
    drawn = marginal.sample(2000, generator=torch.Generator().manual_seed(3), dtype=torch.float64).numpy()
    assert 0.8 < np.sqrt((effects(marginal, drawn[:500])[:, 1:] ** 2).mean()) < 4.0


@pytest.mark.parametrize(
    ("noise", "options", "error"),
    [
        (UniformMarginal(Box(3)), {}, DtypeError),
        (NormalMarginal(Box(3)), {}, DtypeError),
        (NOISE, {"edge_probability": 1.5}, DomainError),
        (NOISE, {"edge_probability": -0.1}, DomainError),
        (NOISE, {"strength": 0.0}, DomainError),
        (NOISE, {"generator": 0}, DtypeError),
    ],
)
@pytest.mark.parametrize("build", [LinearStructuralMarginal, MLPStructuralMarginal])
def test_what_is_no_structural_model_is_refused(build, noise, options, error):
    with pytest.raises(error):
        build(noise, **{"generator": torch.Generator(), **options})
