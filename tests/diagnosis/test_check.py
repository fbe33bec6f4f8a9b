import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.diagnosis import Check, Quantity, Verdict
from contrica.diagnosis.check import judge


@pytest.mark.parametrize(
    ("sizes", "errors", "verdict"),
    [
        ([0.0, 0.0], [0.01, 0.01], Verdict.FINE),
        ([0.0, -0.5], [0.01, 0.01], Verdict.LOOK),
        ([0.0, 0.5], [0.01, 0.2], Verdict.CANNOT_TELL),
        ([0.15, 0.0], [0.001, 0.5], Verdict.CANNOT_TELL),
        ([0.19, 0.19], [0.001, 0.001], Verdict.FINE),
        ([0.21, 0.0], [0.001, 0.001], Verdict.LOOK),
    ],
)
def test_a_verdict_weighs_size_against_tolerance_and_chance(sizes, errors, verdict):
    assert judge(np.array(sizes), np.array(errors), 0.2) is verdict


@pytest.mark.slow
@given(st.integers(0, 999), st.integers(1, 200))
def test_effects_within_the_tolerance_are_hardly_ever_looked_at(seed, count):
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.01, 1.0, count)
    effects = rng.uniform(-0.1, 0.1, count)
    assert judge(effects + errors * rng.normal(size=count).clip(-3, 3), errors, 0.1 + errors.max()) is not Verdict.LOOK


def test_the_level_holds_at_the_tolerance_itself():
    rng = np.random.default_rng(0)
    errors = np.full(10, 0.3)
    looks = sum(judge(0.1 + errors * rng.normal(size=10), errors, 0.1) is Verdict.LOOK for _ in range(2000))
    assert 2 < looks < 22  # 10 expected: each effect counts on one side, which is half of the level of 1 %


def test_a_check_reads_as_a_sentence_and_keeps_what_is_unknown():
    check = Check("luck", (Quantity("tosses", 12.0), Quantity("heads", None)), "half", Verdict.LOOK, "too few", "toss")
    assert str(check) == "[look] luck: too few\n    to do: toss"
    assert str(check.measured[0]) == "tosses: 12"
    assert str(Quantity("nats", 0.12345, 0.01)) == "nats: 0.123 +- 0.01"
    assert str(check.measured[1]) == "heads: not measurable from these rows"
    again = json.loads(json.dumps(check.to_dict(), allow_nan=False))
    assert again["measured"][1] == {"name": "heads", "value": None, "standard_error": None}
    assert Check.from_dict(again) == check


def test_what_is_missing_for_a_verdict_is_no_thing_to_do():
    check = Check("luck", (), "half", Verdict.CANNOT_TELL, "too few", "hold out more pairs")
    assert str(check) == "[cannot tell] luck: too few\n    to tell: hold out more pairs"
