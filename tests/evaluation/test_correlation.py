import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from contrica.evaluation.correlation import (
    correlation_of_moments,
    correlations,
    cross_correlations,
    resampled_correlations,
)
from contrica.evaluation.intervals import Resampling


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("kind", "oracle"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_correlations_are_those_of_scipy(kind, oracle):
    codes, factors = np.round(normal(60, 3), 1), normal(60, 2, seed=1)  # rounded: some ranks tie
    expected = [[oracle(h, z)[0] for z in factors.T] for h in codes.T]
    np.testing.assert_allclose(correlations(codes, factors, kind=kind), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_a_constant_column_correlates_zero(kind):
    codes = np.column_stack([np.full(60, 0.1), normal(60)])
    found = correlations(codes, normal(60, 2, seed=1), kind=kind)
    np.testing.assert_array_equal(found[0], [0.0, 0.0])
    assert (found[1] != 0).all()


def test_resampled_correlations_are_those_of_the_drawn_rows():
    left, right = normal(40, 2) * 1e150, normal(40, 2, seed=1) + 1e6
    resampling = Resampling.draw(np.arange(40), generator=np.random.default_rng(3))
    picks = np.random.default_rng(3).integers(40, size=(200, 40))
    expected = np.array([[pearsonr(left[pick, k] / 1e150, right[pick, k])[0] for k in range(2)] for pick in picks])
    values, resampled = resampled_correlations(resampling, left, right)
    np.testing.assert_allclose(resampled, expected, atol=1e-9)
    np.testing.assert_allclose(values, np.diagonal(correlations(left, right)), atol=1e-12)
    crossed = list(cross_correlations(resampling, left, right))
    np.testing.assert_allclose(crossed[1][:, 1], expected[:, 1], atol=1e-9)
    np.testing.assert_allclose(
        crossed[0][:, 1], resampled_correlations(resampling, left[:, :1], right[:, 1:])[1][:, 0], atol=1e-12
    )


def test_a_resample_that_lost_a_column_correlates_zero():
    found = correlation_of_moments(np.array([0.5, 1e-17]), np.array([1.0, -1e-16]), np.array([1.0, 1.0]))
    np.testing.assert_array_equal(found, [0.5, 0.0])
