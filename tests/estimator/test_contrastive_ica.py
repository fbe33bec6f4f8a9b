import numpy as np
import pytest

from contrica import ContrastiveICA, DomainError, ShapeError

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def recording(rows=300, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(0)


def test_rows_in_time_make_pairs_where_nothing_else_is_said():
    assert ContrastiveICA(**QUICK).fit(recording()).pair_kind_ == "time"


def test_labels_make_pairs_where_they_are_given():
    X = recording()
    assert ContrastiveICA(**QUICK).fit(X, X[:, 0]).pair_kind_ == "labels"


def test_given_pairs_make_pairs():
    X = recording()
    assert ContrastiveICA(**QUICK).fit(X[:-1], X_pos=X[1:]).pair_kind_ == "given"


def test_codes_are_of_as_many_columns_as_components():
    X = recording()
    model = ContrastiveICA(3, **QUICK).fit(X)
    assert model.transform(X).shape == (300, 3)
    assert list(model.get_feature_names_out()) == ["contrastiveica0", "contrastiveica1", "contrastiveica2"]


def test_the_same_random_state_gives_bit_equal_codes():
    X = recording()
    first, second = (ContrastiveICA(**QUICK).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_both_kinds_of_pairs_at_once_are_refused():
    X = recording()
    with pytest.raises(DomainError, match="got both"):
        ContrastiveICA(**QUICK).fit(X, X[:, 0], X_pos=X)


def test_rows_with_nan_are_named():
    X = recording()
    X[[7, 11], 2] = np.nan
    with pytest.raises(DomainError, match=r"2 of the rows looked at, 7, 11;"):
        ContrastiveICA(**QUICK).fit(X)


def test_positives_of_another_width_are_refused():
    X = recording()
    with pytest.raises(ShapeError, match="X_pos"):
        ContrastiveICA(**QUICK).fit(X, X_pos=X[:, :2])
