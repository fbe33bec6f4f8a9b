import pytest

from contrica.cli.settings import lags_of, numbers_of, widths_of
from contrica.errors import DomainError


@pytest.mark.parametrize(
    ("text", "lags"),
    [("1", 1), (" 7 ", 7), ("1-3", range(1, 4)), ("1,2,3", range(1, 4)), ("2,9", {2: 0.5, 9: 0.5})],
)
def test_lags_are_numbers_lists_and_ranges(text, lags):
    assert lags_of(text) == lags


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "x", "1,", "3-1", "1,1", "1-", "1.5", "1-999999999", "٣", "9" * 400, "1-5-9"]
)
def test_other_lags_are_refused_in_a_sentence(text):
    with pytest.raises(DomainError, match="--lags must be") as raised:
        lags_of(text)
    assert len(str(raised.value)) < 200


def test_widths_are_numbers_of_units():
    assert widths_of("128, 64") == [128, 64]
    for text in ("", "0", "x", "1e3", "-5", ",".join(["1"] * 51), "999999999"):
        with pytest.raises(DomainError, match="--widths must be"):
            widths_of(text)


def test_one_number_stands_for_all_labels_and_none_is_a_number():
    assert numbers_of(["360"], "--period", 2) == [360.0, 360.0]
    assert numbers_of(["360", "none"], "--period", 2) == [360.0, None]
    assert numbers_of(["360,none"], "--period", 2) == [360.0, None]
    for texts, says in (
        (["x"], "numbers or none"),
        (["0"], "greater than 0"),
        (["inf"], "finite"),
        (["1,2,3"], "2, got 3"),
    ):
        with pytest.raises(DomainError, match=says):
            numbers_of(texts, "--period", 2)
