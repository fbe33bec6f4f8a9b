import numpy as np
import pytest

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.estimator.labels import Labels


class Table:
    """What a data frame is to us: names of columns, and a column by its name."""

    def __init__(self, columns):
        self.columns = list(columns)
        self._values = columns

    def __getitem__(self, name):
        return self._values[name]


def test_floating_numbers_are_continuous():
    labels = Labels.of([0.5, 1.5, 2.5], 3)
    assert labels.continuous.shape == (3, 1)
    assert labels.classes is None


@pytest.mark.parametrize("y", [[0, 1, 0], [True, False, True], ["left", "right", "left"]])
def test_whole_numbers_booleans_and_text_are_discrete(y):
    labels = Labels.of(y, 3)
    assert labels.continuous is None
    assert labels.classes[0] == labels.classes[2] != labels.classes[1]


def test_columns_of_a_table_are_taken_by_their_own_dtype():
    labels = Labels.of(Table({"place": np.array([0.1, 0.2, 0.3]), "side": np.array(["a", "b", "a"], object)}), 3)
    assert labels.continuous.tolist() == [[0.1], [0.2], [0.3]]
    assert labels.classes.tolist() == [0, 1, 0]


def test_rows_share_a_class_if_they_agree_in_all_discrete_columns():
    labels = Labels.of(np.array([[0, 0], [0, 1], [1, 1], [0, 1]]), 4)
    assert len(np.unique(labels.classes)) == 3
    assert labels.classes[1] == labels.classes[3]


def test_whole_numbers_are_continuous_on_request():
    labels = Labels.of([3, 1, 2], 3, "continuous")
    assert labels.continuous.ravel().tolist() == [3.0, 1.0, 2.0]


def test_labels_of_chosen_rows_are_those_of_the_rows():
    labels = Labels.of(np.array([[0.5, 1], [0.1, 0], [0.3, 1]]), 3, ["continuous", "discrete"]).part(np.array([2, 1]))
    assert labels.continuous.ravel().tolist() == [0.3, 0.1]
    assert labels.classes.tolist() == [1, 0]


def test_the_bandwidth_is_scotts():
    values = np.random.default_rng(0).normal(size=(1000, 2)) * [1.0, 5.0]
    width = Labels.of(values, 1000).bandwidth(None)
    np.testing.assert_allclose(width, values.std(0) * 1000 ** (-1 / 6), rtol=1e-12)


def test_an_angle_spreads_no_further_than_around_its_circle():
    turns = np.linspace(0.0, 36_000.0, 1000)
    (width,) = Labels.of(turns, 1000).bandwidth(360.0)
    np.testing.assert_allclose(width, 360 / np.sqrt(12) * 1000 ** (-1 / 5), rtol=1e-12)


@pytest.mark.parametrize(
    ("y", "settings", "error", "match"),
    [
        ([0.1, 0.2], {}, ShapeError, "one row per row of X, 3, got 2"),
        (np.zeros((3, 1, 1)), {}, ShapeError, r"y must have shape \(rows,\) or \(rows, labels\)"),
        ([0.1, np.nan, 0.3], {}, DomainError, "column 0 of y must be finite.*rows looked at, 1;"),
        ([5.0, 5.0, 5.0], {}, DomainError, "labels must differ from row to row, but column 0 of y has the one value 5"),
        (["a", "a", "a"], {}, DomainError, "the one value a"),
        ([0, 1, 2], {}, DomainError, "all 3 rows of y differ"),
        ([1j, 2j, 3j], {}, DtypeError, "numbers or text"),
        (["a", "b", "a"], {"kinds": "continuous"}, DtypeError, "a continuous label must be numbers"),
        ([0.1, 0.2, 0.3], {"kinds": "nominal"}, DomainError, "label_kinds must be one of"),
        ([0.1, 0.2, 0.3], {"kinds": ["auto", "auto"]}, ShapeError, "one kind per column of y, 1, got 2"),
    ],
)
def test_what_labels_nothing_is_refused(y, settings, error, match):
    with pytest.raises(error, match=match):
        Labels.of(y, 3, **settings)
