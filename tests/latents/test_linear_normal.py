import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from contrica.dissimilarities import Mahalanobis, PowerSum
from contrica.errors import DomainError, NoDensityError, ShapeError
from contrica.latents import LinearNormalConditional
from contrica.spaces import Box, Euclidean

PLANE = Euclidean(2)
COVARIANCE = [[0.5, 0.3], [0.3, 0.4]]
LAWS = {
    "random walk": LinearNormalConditional.random_walk(PLANE, COVARIANCE),
    "autoregressive": LinearNormalConditional.autoregressive(PLANE, [0.9, 0.5], scale=[1.0, 2.0]),
    "rotating": LinearNormalConditional.rotating(PLANE, 0.8, 0.5),
    "sheared": LinearNormalConditional(PLANE, transition=[[0.9, 0.4], [0.0, 0.7]], covariance=COVARIANCE),
}
MEANS = {
    "random walk": np.eye(2),
    "autoregressive": np.diag([0.9, 0.5]),
    "rotating": 0.8 * np.array([[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]]),
    "sheared": np.array([[0.9, 0.4], [0.0, 0.7]]),
}
SPREADS = {
    "random walk": np.array(COVARIANCE),
    "autoregressive": np.diag([1.0 - 0.81, 4.0 * (1.0 - 0.25)]),
    "rotating": (1.0 - 0.64) * np.eye(2),
    "sheared": np.array(COVARIANCE),
}
ANCHOR = np.array([0.7, -1.2])


@pytest.mark.parametrize("name", LAWS)
def test_the_density_is_that_of_a_normal_law_around_the_moved_anchor(name):
    points = np.random.default_rng(0).normal(size=(20, 2))
    expected = stats.multivariate_normal(MEANS[name] @ ANCHOR, SPREADS[name]).logpdf(points)
    values = LAWS[name].log_density(torch.from_numpy(ANCHOR), torch.from_numpy(points))
    assert_close(values, torch.from_numpy(expected))


@pytest.mark.parametrize("name", LAWS)
def test_draws_have_independent_standard_normal_residuals(name):
    rows = torch.from_numpy(ANCHOR).expand(10_000, 2)
    drawn = LAWS[name].sample(rows, generator=torch.Generator().manual_seed(1)).numpy()
    residuals = np.linalg.solve(np.linalg.cholesky(SPREADS[name]), (drawn - MEANS[name] @ ANCHOR).T)
    for residual in residuals:
        assert stats.kstest(residual, "norm").pvalue > 1e-3
    assert abs(stats.spearmanr(*residuals).statistic) < 4.0 / math.sqrt(10_000)
    assert stats.kstest(1.05 * residuals[0], "norm").pvalue < 1e-2


@pytest.mark.parametrize(("name", "kind"), [("random walk", Mahalanobis), ("autoregressive", PowerSum)])
def test_reversible_pairs_have_a_delta_and_a_base_measure(name, kind):
    conditional = LAWS[name]
    points = torch.randn(30, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    delta = conditional.dissimilarity
    assert conditional.is_reversible
    assert isinstance(delta, kind)
    assert not list(delta.parameters())
    rest = conditional.log_density(points[:5, None], points) + delta(points[:5, None], points)
    rest -= conditional.log_base_measure(points)
    assert_close(rest, rest[:, :1].expand_as(rest))


def test_mean_reversion_is_in_the_base_measure_as_the_framework_says():
    rho = 0.9
    conditional = LinearNormalConditional.autoregressive(PLANE, rho)
    assert_close(conditional.dissimilarity.weights, torch.full((2,), rho / (2 * (1 - rho**2)), dtype=torch.float64))
    points = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    measure = conditional.log_base_measure(points)
    assert_close((measure[1] - measure[0]).item(), -(1 - rho) * 5.0 / (2 * (1 - rho**2)))


@pytest.mark.parametrize("name", ["rotating", "sheared"])
def test_pairs_that_drift_have_no_delta(name):
    conditional = LAWS[name]
    assert not conditional.is_reversible
    assert conditional.dissimilarity is None
    with pytest.raises(NoDensityError, match="irreversible"):
        conditional.log_base_measure(torch.zeros(1, 2))
    # log p(s~|s) - log p(s|s~) is no sum of a function of each: its double difference over a quadruple is not zero.
    a, b, c, d = torch.randn(4, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def swap(left, right):
        return conditional.log_density(left, right) - conditional.log_density(right, left)

    assert (swap(a, b) - swap(c, b) - swap(a, d) + swap(c, d)).abs() > 0.1
    reversible = LAWS["autoregressive"]
    gaps = [reversible.log_density(s, t) - reversible.log_density(t, s) for s, t in ((a, b), (c, b), (a, d), (c, d))]
    assert abs(gaps[0] - gaps[1] - gaps[2] + gaps[3]) < 1e-9


def test_a_rotation_by_nothing_is_reversible():
    assert LinearNormalConditional.rotating(PLANE, 0.8, 0.0).is_reversible
    half_turn = LinearNormalConditional.rotating(PLANE, 0.8, math.pi)
    assert not half_turn.is_reversible  # M is symmetric but negative: far pairs would be the closer ones


def test_a_rotating_law_leaves_the_stationary_law_as_it_is():
    conditional = LinearNormalConditional.rotating(Euclidean(4), 0.8, 0.5, scale=2.0)
    anchors = 2.0 * torch.randn(20_000, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    drawn = conditional.sample(anchors, generator=torch.Generator().manual_seed(5))
    for column in drawn.T:
        assert stats.kstest(column.numpy() / 2.0, "norm").pvalue > 1e-3
    assert torch.cov(drawn.T).sub(4.0 * torch.eye(4)).abs().max() < 0.2


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: LinearNormalConditional.random_walk(Box(2), COVARIANCE), DomainError),
        (lambda: LinearNormalConditional.random_walk(PLANE, [[1.0, 0.0]]), ShapeError),
        (lambda: LinearNormalConditional.random_walk(PLANE, [[1.0, 2.0], [2.0, 1.0]]), DomainError),
        (lambda: LinearNormalConditional.random_walk(PLANE, [[1.0, 0.2], [0.1, 1.0]]), DomainError),
        (lambda: LinearNormalConditional.random_walk(PLANE, [[1.0, math.nan], [0.0, 1.0]]), DomainError),
        (lambda: LinearNormalConditional.random_walk(PLANE, [[1.0], [0.0, 1.0]]), ShapeError),
        (lambda: LinearNormalConditional.autoregressive(PLANE, 1.0), DomainError),
        (lambda: LinearNormalConditional.autoregressive(PLANE, -0.5), DomainError),
        (lambda: LinearNormalConditional.autoregressive(PLANE, [0.5]), ShapeError),
        (lambda: LinearNormalConditional.rotating(Euclidean(3), 0.5, 0.1), DomainError),
        (lambda: LinearNormalConditional.rotating(PLANE, 1.5, 0.1), DomainError),
        (lambda: LinearNormalConditional.rotating(PLANE, 0.5, math.inf), DomainError),
    ],
)
def test_what_describes_no_such_law_is_refused(build, error):
    with pytest.raises(error):
        build()
