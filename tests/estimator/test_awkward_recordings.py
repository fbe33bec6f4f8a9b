"""What the notes of `ContrastiveICA` say of recordings that are not as one would wish."""

import numpy as np
import pytest

from contrica import ContrastiveICA
from contrica.errors import ContricaWarning, DomainError, ShapeError

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def recording(rows=300, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(0)


def fit(X, *labels, **known):
    settings = {name: known.pop(name) for name in ("lags", "validation_fraction") if name in known}
    return ContrastiveICA(2, **QUICK, **settings).fit(X, *labels, **known)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_are_not_finite_are_refused_and_named(bad, dtype):
    X = recording().astype(dtype)
    X[[7, 11], 2] = bad
    with pytest.raises(DomainError, match=r"X must be finite, got NaN or infinity in 2 of the rows looked at, 7, 11;"):
        fit(X)
    with pytest.raises(DomainError, match=r"X_pos must be finite.* 7, 11;"):
        fit(recording(), X_pos=X)
    with pytest.raises(DomainError, match=r"7, 11;"):
        fit(recording()).transform(X)


def test_constant_columns_carry_nothing():
    X = recording()
    with_one = np.column_stack((X, np.full(300, 3.7)))
    model = fit(with_one)
    changed = with_one.copy()
    changed[:, 4] = -100.0
    assert model.scaling_.constant.tolist() == [False] * 4 + [True]
    np.testing.assert_array_equal(model.transform(changed), model.codes_)


def test_nothing_but_constant_columns_is_refused():
    with pytest.raises(DomainError, match="X must differ from row to row, got equal rows only"):
        fit(np.ones((300, 3)))


def test_duplicated_rows_are_kept():
    X = np.repeat(recording(150), 2, axis=0)
    model = fit(X, lags=2)
    np.testing.assert_array_equal(model.codes_[::2], model.codes_[1::2])


def test_two_rows_of_one_time_are_refused():
    with pytest.raises(DomainError, match="rows 3 and 4 have the same"):
        fit(recording(6), times=[0, 1, 2, 3, 3, 4])


@pytest.mark.slow
def test_one_trial_is_enough():
    assert np.isfinite(fit(recording(), groups=np.zeros(300)).codes_).all()
    assert len(fit(recording(1000), groups=np.zeros(1000), validation_fraction=0.06).validation_curve_) > 0


def test_lags_as_long_as_every_trial_are_refused():
    groups = np.arange(300) // 10
    with pytest.raises(DomainError, match="lags must be shorter than the longest trial, which has 10 rows, got 10"):
        fit(recording(), groups=groups, lags=10)


def test_lags_that_only_what_was_held_out_has_are_learned_from_it():
    """The longest of six trials is the only one that has the lag, and so it is not held out."""
    groups = np.concatenate((np.repeat(np.arange(5), 100), np.full(500, 5)))
    with pytest.warns(ContricaWarning, match="500 of 1000 rows are in no pair"):
        model = fit(recording(1000), groups=groups, lags=300)
    assert model.validation_curve_ == []


@pytest.mark.parametrize("y", [np.zeros(300), np.zeros(300, int), np.full(300, "a")])
def test_labels_with_one_value_are_refused(y):
    with pytest.raises(DomainError, match="labels must differ from row to row, but column 0 of y has the one value"):
        fit(recording(), y)


def test_labels_that_all_differ_are_no_classes():
    with pytest.raises(DomainError, match="all 300 rows of y differ; pass coarser labels, or floating numbers"):
        fit(recording(), np.arange(300))


def test_labels_that_are_nowhere_near_each_other_are_refused():
    model = ContrastiveICA(2, bandwidth=0.5, **QUICK)
    with pytest.raises(DomainError, match="none of 300 has another row within the bandwidth"):
        model.fit(recording(), np.arange(300.0))


@pytest.mark.slow
def test_sorted_classes_can_be_held_out():
    y = np.repeat(np.arange(10), 100)
    assert len(ContrastiveICA(2, steps=40, widths=(8,), random_state=0).fit(recording(1000), y).validation_curve_) > 0


def test_glitches_do_not_rule_the_codes():
    X = recording()
    X[[50, 150], 0] = 1e15
    model = fit(X)
    kept = np.delete(model.codes_, [50, 150], axis=0)
    assert np.isfinite(model.codes_).all()
    assert np.abs(kept).max() < 10 * kept.std()


def test_more_codes_than_columns_can_be_asked_for():
    assert ContrastiveICA(5, **QUICK).fit(recording(columns=2)).codes_.shape == (300, 5)


def test_two_rows_are_the_least():
    with pytest.raises(ValueError, match="minimum of 2"):
        fit(recording(1))
    with pytest.raises(DomainError, match="at least 2 pairs"):
        fit(recording(2))


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ShapeError, match="X has 300 rows, X_pos has 299"):
        fit(recording(), X_pos=recording(299))
    with pytest.raises(ShapeError, match="y must have one row per row of X, 300, got 299"):
        fit(recording(), np.zeros(299))
    with pytest.raises(ShapeError, match="groups must have one entry per row of X, 300"):
        fit(recording(), groups=np.zeros(299))
    with pytest.raises(ShapeError, match="each row of X_pos must have shape"):
        fit(recording(), X_pos=recording(columns=3))
