import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.report.numbers import below_one, fixed, seconds, short


@pytest.mark.parametrize(("value", "text"), [(0.99951, ">0.999"), (1.0, "1.000"), (0.9994, "0.999"), (-0.5, "−0.500")])  # noqa: RUF001
def test_only_a_perfect_score_reads_as_one(value, text):
    assert below_one(value) == text


def test_an_unknown_number_is_a_dash():
    assert fixed(None) == short(None) == below_one(None) == "–"  # noqa: RUF001


@given(st.floats(-1e6, 1e6))
def test_a_number_reads_back_as_its_rounding(value):
    assert float(fixed(value, 4).replace("\N{MINUS SIGN}", "-")) == pytest.approx(value, abs=0.5001e-4)


def test_a_minute_is_not_sixty_seconds():
    assert seconds(59.6) == "1 min 0 s"
