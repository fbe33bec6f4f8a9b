import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import RecordError
from contrica.record import Record
from contrica.report.outcome import Outcome
from synthetic_records import record

MADE = record().to_dict()


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


PLACES = [path for path in places(MADE) if path]


def with_value(path, value):
    changed = copy.deepcopy(MADE)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    damaged = object.__new__(Record)  # as a reader without type checks would make it
    damaged.__dict__.update(changed)
    return damaged


def test_a_record_is_read_without_loss():
    outcome = Outcome.of(record(dim=3, gap=0.25))
    assert outcome.gap == 0.25
    assert outcome.calibration == 1.03
    assert len(outcome.correlations) == 3
    assert outcome.scores["r2"].low <= outcome.scores["r2"].value <= outcome.scores["r2"].high
    assert set(outcome.floors) == {"noise", "rotation", "observations", "ica"}


def test_a_loss_that_was_not_finite_is_left_out_of_the_curve():
    made = record()
    made.curve[2]["loss"] = None
    assert len(Outcome.of(made).curve) == len(made.curve) - 1


@pytest.mark.parametrize("name", ["factors", "recovered"])
def test_rows_of_unequal_length_are_refused(name):
    with pytest.raises(RecordError, match="damaged"):
        Outcome.of(with_value((name, 0), [1.0]))


@pytest.mark.slow
@given(
    st.sampled_from(PLACES),
    st.sampled_from([None, "text", [], {}, [[]], {"a": 1}, -1, True, float("nan"), float("inf")]),
)
def test_a_damaged_part_is_read_or_refused_and_never_a_traceback(path, value):
    try:
        Outcome.of(with_value(path, value))
    except RecordError as error:
        assert "damaged" in str(error)  # noqa: PT017
