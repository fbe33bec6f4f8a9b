import re

import pytest

from contrica.diagnosis import Verdict
from contrica.report import fit_page
from synthetic_records import diagnosed, fit_record


def test_a_page_is_one_file_that_loads_nothing_and_shows_every_number():
    text = fit_page(fit_record())
    assert not re.search(r"<script|<link|src=|url\(|http", text.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert text.startswith("<!DOCTYPE html>")
    for said in (
        "0.50 nats",
        "1.50 nats",
        "log batch 4.16",
        "75.0%",
        "25.0%",
        "2 to 5",
        "pass more rows",
        "0.25 ± 0.1",
    ):
        assert said in text, said
    assert "1 of 2 checks ask for a look" in text


def test_text_from_outside_is_shown_and_never_markup():
    text = fit_page(fit_record(to_do=("<script>alert(1)</script>",), settings={"lags": "<b>"}))
    assert "&lt;model&gt;" in text
    assert "a&amp;b.npz:x" in text
    assert "<script" not in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("verdicts", "tone"),
    [
        ([Verdict.FINE, Verdict.FINE], "verdict recovered"),
        ([Verdict.FINE, Verdict.CANNOT_TELL], "verdict mixed"),
        ([Verdict.LOOK, Verdict.CANNOT_TELL], "verdict missed"),
    ],
)
def test_the_head_has_the_tone_of_the_worst_check(verdicts, tone):
    assert tone in fit_page(fit_record(diagnosis=diagnosed(*verdicts)))


def test_a_model_of_which_little_is_known_has_a_page_too():
    text = fit_page(
        fit_record(diagnosis=None, drawn_pairs=None, losses=(1.0,), held_out=(), recording=None, num_rows=None)
    )
    assert "too few rows were held out" in text
    assert "<svg" not in text


def test_equal_records_have_equal_pages():
    assert fit_page(fit_record()) == fit_page(fit_record())


def test_a_page_of_very_many_codes_stays_one_screen_of_bars():
    text = fit_page(fit_record(diagnosis=diagnosed(Verdict.FINE, codes=100)))
    assert text.count('class="error-bar"') == 40
    assert text.count("<tr>") == 101
