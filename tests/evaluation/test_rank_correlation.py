import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from contrica.evaluation.correlation import resampled_correlations
from contrica.evaluation.intervals import Resampling
from contrica.evaluation.rank_correlation import resampled_rank_correlations


def drawn(rows):
    return Resampling.draw(np.arange(rows), generator=np.random.default_rng(3))


def dependent(rows, rounding):
    x = np.random.default_rng(0).normal(size=(rows, 1))
    y = np.exp(x) + np.random.default_rng(1).normal(size=(rows, 1))
    return np.round(x, rounding), np.round(y, rounding)


@pytest.mark.parametrize("rounding", [9, 0])
def test_the_value_is_that_of_scipy_ties_included(rounding):
    x, y = dependent(200, rounding)
    assert resampled_rank_correlations(drawn(200), x, y)[0] == pytest.approx(spearmanr(x, y)[0], abs=1e-12)


@pytest.mark.parametrize("rounding", [9, 0])
def test_resampled_values_are_those_of_ranking_anew_to_second_order(rounding):
    rows = 1600
    x, y = dependent(rows, rounding)
    found = resampled_rank_correlations(drawn(rows), x, y)[1][:, 0]
    picks = np.random.default_rng(3).integers(rows, size=(200, rows))
    expected = np.array([spearmanr(x[pick], y[pick])[0] for pick in picks])
    error = found - expected
    assert np.abs(error).max() < 10 / rows
    assert error.std() < 0.1 * expected.std()
    assert found.std() == pytest.approx(expected.std(), rel=0.02)
    # Ranks held fixed leave an error of first order, which is what this test is there to catch.
    fixed = resampled_correlations(drawn(rows), rankdata(x, axis=0), rankdata(y, axis=0))[1][:, 0]
    assert (fixed - expected).std() > 0.2 * expected.std()


def test_a_monotone_relation_has_no_spread():
    x = np.random.default_rng(0).normal(size=(100, 1))
    values, resampled = resampled_rank_correlations(drawn(100), x, np.exp(x))
    assert values == pytest.approx(1.0)
    np.testing.assert_allclose(resampled, 1.0)


def test_a_constant_column_correlates_zero():
    x = np.random.default_rng(0).normal(size=(100, 1))
    values, resampled = resampled_rank_correlations(drawn(100), np.ones((100, 1)), x)
    assert values == 0.0
    np.testing.assert_array_equal(resampled, np.zeros((200, 1)))
