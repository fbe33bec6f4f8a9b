import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.estimator.row_order import RowOrder


def trials_of(order):
    """The rows of each trial, in order of time."""
    return [order.rows[order.trials == trial].tolist() for trial in np.unique(order.trials)]


def test_rows_are_one_trial_if_nothing_is_said():
    assert trials_of(RowOrder.of(4)) == [[0, 1, 2, 3]]


def test_a_group_is_a_trial_and_need_not_stand_together():
    assert trials_of(RowOrder.of(5, groups=["b", "a", "b", "a", "a"])) == [[1, 3, 4], [0, 2]]


def test_rows_are_sorted_by_time_within_their_group():
    order = RowOrder.of(6, groups=[0, 0, 0, 1, 1, 1], times=[3, 1, 2, 1, 3, 2])
    assert trials_of(order) == [[1, 2, 0], [3, 5, 4]]


def test_a_gap_in_time_parts_a_trial():
    assert trials_of(RowOrder.of(6, times=[0.0, 1.0, 2.0, 4.0, 5.0, 6.0])) == [[0, 1, 2], [3, 4, 5]]


def test_a_larger_gap_is_bridged_on_request():
    assert trials_of(RowOrder.of(4, times=[0, 1, 3, 4], max_gap=2)) == [[0, 1, 2, 3]]


def test_dates_are_times():
    days = np.array(["2024-01-01", "2024-01-03", "2024-01-02", "2024-02-01"], "datetime64[D]")
    assert trials_of(RowOrder.of(4, times=days)) == [[0, 2, 1], [3]]


def test_what_is_left_out_parts_the_trials():
    part = RowOrder.of(6, groups=[0, 0, 0, 0, 1, 1]).part(np.array([1, 1, 0, 1, 1, 1], bool))
    assert trials_of(part) == [[0, 1], [3], [4, 5]]
    assert part.groups.tolist() == [0, 0, 0, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=40, unique=True), st.data())
def test_shuffled_rows_with_their_times_are_the_same_recording(rows, data):
    groups, times = (np.array(column) for column in zip(*rows, strict=True))
    shuffled = np.array(data.draw(st.permutations(range(len(rows)))))
    straight = trials_of(RowOrder.of(len(rows), groups, times))
    mixed = trials_of(RowOrder.of(len(rows), groups[shuffled], times[shuffled]))
    assert [[int(shuffled[row]) for row in trial] for trial in mixed] == straight


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"groups": [0, 1]}, ShapeError, r"groups must have one entry per row of X, 3, got shape \(2,\)"),
        ({"times": [[1, 2], [3, 4], [5, 6]]}, ShapeError, "times must have one entry"),
        ({"times": [0.0, np.nan, 2.0]}, DomainError, "NaN or infinity in row 1"),
        ({"times": np.array(["2024-01-01", "NaT", "2024-01-02"], "datetime64[D]")}, DomainError, "in row 1"),
        ({"times": ["a", "b", "c"]}, DtypeError, "numbers or dates"),
        ({"groups": [0.0, np.nan, 1.0]}, DomainError, "one group per row"),
        ({"times": [5, 7, 5]}, DomainError, "rows 0 and 2 have the same"),
        ({"times": [0, 1, 2], "max_gap": 0.0}, DomainError, "max_gap must be greater than 0"),
    ],
)
def test_what_does_not_order_rows_is_refused(settings, error, match):
    with pytest.raises(error, match=match):
        RowOrder.of(3, **settings)
