import dataclasses

import pytest

from contrica.errors import RecordError
from contrica.report import PublishedValue, RunRecord, page
from contrica.report.numbers import MINUS
from contrica.report.numbers_of import numbers_of
from contrica.report.outcome import Outcome
from contrica.report.published import published_rows
from synthetic_records import record, run_of

VALUE = PublishedValue("made up", "r2", 99.0, 0.05, "A paper 2021, table 1")
PUBLISHED = (VALUE, dataclasses.replace(VALUE, experiment="never run"))


def made(noise=0.02):
    return dataclasses.replace(record(noise=noise), processor_seconds=61.4)


def test_the_difference_is_ours_by_the_same_protocol_less_the_published_value():
    (row,) = published_rows(PUBLISHED, numbers_of([Outcome.of(made())]))
    ours = 100 * made().scores["published"]["r2"]["value"]
    held_out = 100 * made().scores["r2"]["value"]
    assert row[:4] == ("made up", "linear R²", "99.00 ± 0.05", f"{ours:.2f}")
    assert row[4:] == (f"+{ours - 99:.2f}", f"{held_out:.2f}", "", "61")


def test_a_value_below_the_published_one_has_a_minus():
    (row,) = published_rows(PUBLISHED, numbers_of([Outcome.of(made(noise=0.3))]))
    assert row[4].startswith(MINUS)


def test_of_several_seeds_the_middle_stands_with_its_ends():
    (row,) = published_rows(PUBLISHED, numbers_of([Outcome.of(made(noise)) for noise in (0.02, 0.1, 0.3)]))
    assert row[3].count(" [") == 1


def test_seeds_whose_axes_were_refused_are_not_passed_over():
    numbers = {"made up": {"mcc": [0.5, 0.6, 0.7], "mcc_in_sample": [0.5, 0.6, 0.7], "mcc_second_stage": [0.99, 0.98]}}
    value = dataclasses.replace(VALUE, score="mcc")
    (some,) = published_rows([value], numbers)
    numbers["made up"]["mcc_second_stage"].append(0.97)
    (every,) = published_rows([value], numbers)
    assert some[6].endswith("], 2 of 3 seeds")
    assert every[6] == "98.00 [97.00, 99.00]"


def test_the_page_names_the_source_only_where_its_experiment_was_run():
    assert "A paper 2021, table 1" in page(run_of(made(), published=PUBLISHED))
    assert "Beside published" not in page(run_of(record("other"), published=PUBLISHED))


def test_published_values_survive_the_record():
    run = run_of(made(), published=PUBLISHED)
    assert RunRecord.from_json(run.to_json()).published == PUBLISHED


@pytest.mark.parametrize("change", [{"score": "auc"}, {"value": None}, {"spread": "x"}])
def test_a_damaged_value_is_refused(change):
    with pytest.raises(RecordError, match="published"):
        PublishedValue.from_dict({**VALUE.to_dict(), **change})
