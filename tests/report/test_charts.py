import json
import re

import pytest

from contrica.errors import RecordError
from contrica.report import Curves, Grid, Line, Prediction, page
from contrica.report.chart_figure import chart_figure
from contrica.report.charts import chart_from_dict, chart_to_dict
from contrica.report.numbers import DASH
from contrica.report.numbers_of import NUMBERS, numbers_of
from contrica.report.outcome import Outcome
from synthetic_records import record, run_of

CURVES = Curves(
    title="Noise",
    caption="More noise, less R2.",
    across="noise",
    number="r2",
    lines=(Line("measured", ((0.0, "low"), (1.0, "high"), (2.0, "never run"))),),
    predictions=(Prediction("expected", ((0.0, 1.0), (1.0, 0.5))),),
)
GRID = Grid("Table", "All of them.", "mcc", ("a", "b"), ("x", "y"), (("low", "high"), ("", "never run")))
NUMBERS_FOUND = {"low": {"r2": [0.9, 0.95, 0.99], "mcc": [0.9991]}, "high": {"r2": [0.5], "mcc": [0.4]}}


@pytest.mark.parametrize("chart", [CURVES, GRID])
def test_a_chart_survives_json(chart):
    assert chart_from_dict(json.loads(json.dumps(chart_to_dict(chart)))) == chart


@pytest.mark.parametrize("chart", [CURVES, GRID])
def test_a_chart_that_lacks_a_part_is_refused(chart):
    whole = chart_to_dict(chart)
    for name in whole:
        with pytest.raises(RecordError, match="charts"):
            chart_from_dict({key: value for key, value in whole.items() if key != name})
    with pytest.raises(RecordError, match="charts"):
        chart_from_dict({**whole, "kind": "pie"})


def test_cells_that_do_not_fit_are_refused():
    with pytest.raises(RecordError, match="fit"):
        chart_from_dict({**chart_to_dict(GRID), "columns": ["x"]})


def test_points_stand_in_the_order_of_their_numbers_and_what_was_not_run_is_left_out():
    drawn = chart_figure(CURVES, NUMBERS_FOUND)
    dots = [float(y) for y in re.findall(r'<circle class="dot" cx="[\d.]+" cy="([\d.]+)"[^>]*><title>', drawn)]
    assert len(dots) == 2
    assert dots[0] < dots[1]  # down the page is down in R2
    assert drawn.count('class="range"') == 1
    assert "expected" in drawn
    assert "0.9500" in drawn


def test_a_logarithmic_axis_puts_equal_ratios_at_equal_distances():
    chart = Curves("", "", "batch", "r2", (Line("", ((10.0, "a"), (100.0, "b"), (1000.0, "c"))),), log_across=True)
    drawn = chart_figure(chart, {name: {"r2": [0.5]} for name in "abc"})
    places = [float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)" cy="[\d.]+" r="3"><title>', drawn)]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.02)


def test_a_grid_writes_each_number_and_a_dash_where_there_is_none():
    drawn = chart_figure(GRID, NUMBERS_FOUND)
    assert ">0.999<" in drawn.replace("&gt;", ">")
    assert ">0.400<" in drawn
    assert drawn.count(f">{DASH}<") == 2
    assert 'class="shade-7"' in drawn
    assert 'class="shade-0"' in drawn


@pytest.mark.parametrize("chart", [CURVES, GRID])
def test_nothing_is_drawn_where_nothing_was_run(chart):
    assert chart_figure(chart, {}) == ""


def test_every_number_is_found_in_an_outcome_or_known_to_be_missing():
    found = numbers_of([Outcome.of(record())])["made up"]
    assert found.keys() == NUMBERS.keys() - {"mcc_second_stage", "processor_seconds", "excess", "noise"}
    assert found["r2_in_sample"][0] == pytest.approx(found["r2"][0], abs=0.02)


def test_the_page_shows_charts_and_not_those_of_other_experiments():
    run = run_of(record("low"), record("high", noise=0.3), charts=(CURVES, GRID))
    shown = page(run)
    assert "More noise, less R2." in shown
    assert shown.count('class="shade-') == 8
    assert "More noise" not in page(run_of(record("other"), charts=(CURVES,)))
