import numpy as np
import pytest

from contrica.errors import DomainError, DtypeError, UnreliableScoreError
from contrica.evaluation.intervals import FEWEST_UNITS, MOST_UNITS, Resampling


def drawn(units, seed=0, **options):
    return Resampling.draw(np.asarray(units), generator=np.random.default_rng(seed), **options)


def test_resampled_means_are_means_of_rows_drawn_with_replacement():
    values = np.random.default_rng(1).normal(size=(30, 2))
    resampling = drawn(np.arange(30))
    # The same picks as an explicit loop over drawn rows.
    picks = np.random.default_rng(0).integers(30, size=(200, 30))
    expected = np.stack([values[pick].mean(axis=0) for pick in picks])
    np.testing.assert_allclose(resampling.means(values), expected, atol=1e-12)


def test_whole_groups_are_drawn():
    units = np.array([0, 1, 1, 1, 2, 2])
    values = np.random.default_rng(1).normal(size=(6, 1))
    picks = np.random.default_rng(0).integers(3, size=(200, 3))
    expected = [np.concatenate([values[units == unit] for unit in pick]).mean(axis=0) for pick in picks]
    np.testing.assert_allclose(drawn(units).means(values), np.stack(expected), atol=1e-12)


def test_the_spread_of_the_mean_is_its_standard_error():
    values = np.random.default_rng(1).normal(size=(500, 1))
    spread = drawn(np.arange(500), resamples=4000).means(values).std()
    assert spread == pytest.approx(values.std() / np.sqrt(500), rel=0.05)


def test_bundles_of_many_rows_keep_the_standard_error():
    rows = 5 * MOST_UNITS + 3
    values = np.random.default_rng(1).normal(size=(rows, 1))
    resampling = drawn(np.arange(rows), resamples=2000)
    assert resampling.shares.shape == (2000, MOST_UNITS)
    assert resampling.means(values).std() == pytest.approx(values.std() / np.sqrt(rows), rel=0.06)


def test_dependent_rows_in_groups_widen_the_spread():
    groups = np.repeat(np.arange(50), 10)
    values = np.random.default_rng(1).normal(size=(50, 1))[groups]
    grouped = drawn(groups, resamples=1000).means(values).std()
    independent = drawn(np.arange(500), resamples=1000).means(values).std()
    assert grouped == pytest.approx(np.sqrt(10) * independent, rel=0.1)


def test_the_interval_is_the_percentiles():
    values = np.linspace(0.0, 1.0, 101)
    assert drawn(np.arange(30), confidence=0.9).interval(values) == pytest.approx((0.05, 0.95))


def test_too_few_units_are_refused():
    drawn(np.arange(FEWEST_UNITS)).interval(np.arange(3.0))
    with pytest.raises(UnreliableScoreError, match=f"at least {FEWEST_UNITS} independent units"):
        drawn(np.arange(FEWEST_UNITS - 1)).interval(np.arange(3.0))


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 95, np.nan])
def test_a_confidence_outside_the_open_unit_interval_is_refused(confidence):
    with pytest.raises(DomainError, match="confidence"):
        drawn(np.arange(30), confidence=confidence)


@pytest.mark.parametrize(("resamples", "error"), [(49, DomainError), (100.0, DtypeError), (True, DtypeError)])
def test_a_number_of_resamples_that_gives_no_percentile_is_refused(resamples, error):
    with pytest.raises(error, match="resamples"):
        drawn(np.arange(30), resamples=resamples)
