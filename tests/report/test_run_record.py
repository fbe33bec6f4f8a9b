import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import RecordError
from contrica.report import RunRecord
from synthetic_records import record, run_of


def test_a_run_survives_json_unchanged():
    run = run_of(record(), steps=7, jobs=2, options={"image": "china.jpg"})
    assert RunRecord.from_json(run.to_json()) == run


def test_the_form_says_what_it_is():
    found = json.loads(run_of(record()).to_json())
    assert (found["format"], found["format_version"]) == ("contrica-run", 2)
    assert found["command"] == "contrica run made-up --seed 0"
    assert len(found["runs"]) == 1


def test_numbers_that_json_cannot_hold_become_null():
    made = record()
    made.curve[0]["loss"] = float("inf")
    assert json.loads(run_of(made).to_json())["runs"][0]["curve"][0]["loss"] is None


def test_the_command_quotes_what_a_shell_would_split():
    command = run_of(options={"image": "my photo; rm.jpg"}).command
    assert shlex.split(command)[-1] == "my photo; rm.jpg"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "JSON"),
        ('{"format": "contrica-run", ', "JSON"),
        ("[]", "contrica run"),
        ('{"format": "something else"}', "contrica run"),
        ('{"format": "contrica-run", "format_version": 3}', "update contrica"),
        ('{"format": "contrica-run", "format_version": "1"}', "format_version"),
        ('{"format": "contrica-run", "format_version": true}', "format_version"),
        ('{"format": "contrica-run", "format_version": 1}', "recipe is missing"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_what_is_no_record_is_refused_in_one_sentence(text, says):
    with pytest.raises(RecordError, match=says) as caught:
        RunRecord.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["recipe", "title", "summary", "date", "options", "seeds", "runs"])
@pytest.mark.parametrize("value", [None, 1.5])
def test_a_missing_part_is_named(name, value):
    found = json.loads(run_of(record()).to_json())
    found[name] = value
    with pytest.raises(RecordError, match=name):
        RunRecord.from_json(json.dumps(found))


def test_the_first_version_with_its_one_seed_is_read():
    found = json.loads(run_of(record(), seeds=(4,)).to_json())
    found |= {"format_version": 1, "seed": found.pop("seeds")[0]}
    assert RunRecord.from_json(json.dumps(found)) == run_of(record(), seeds=(4,))


@pytest.mark.parametrize("seeds", [[], ["0"], [0.5]])
def test_seeds_that_are_no_whole_numbers_are_refused(seeds):
    found = json.loads(run_of(record()).to_json()) | {"seeds": seeds}
    with pytest.raises(RecordError, match="seeds"):
        RunRecord.from_json(json.dumps(found))


@pytest.mark.slow
@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_no_text_gives_an_error_of_another_kind(text):
    with pytest.raises(RecordError):
        RunRecord.from_json(text)
