import json
import os
from dataclasses import replace

import pytest
from torch import nn

from contrica import cli
from contrica.errors import RecordError, UnreadableFileError
from contrica.recipes import RecordCache, recipe
from contrica.recipes.cache import content_key
from contrica.recordings import RecordingRecord, run_recording
from contrica.recordings.experiment import digest
from contrica.recordings.fitting import fit
from contrica.report import RunRecord, page, read_run, write_run
from contrica.report.recording_outcome import RecordingOutcome, gathered, judged
from recordings.planted import experiment
from synthetic_records import run_of


@pytest.fixture(scope="module")
def planted():
    return run_recording(experiment())


@pytest.fixture(scope="module")
def empty():
    return run_recording(experiment(empty=True, steps=20, agreement=False))


@pytest.mark.slow
def test_a_walk_behind_louder_noise_is_found_and_no_shuffle_finds_as_much(planted):
    ours, pca = planted.scores["contrica"], planted.scores["PCA, 2 codes"]
    assert ours["k-NN R2"] > 0.9 > 0.3 > pca["k-NN R2"]
    assert [null["p_value"] for null in planted.nulls] == [1 / 20, 1 / 100]
    assert planted.agreement["another seed"] > 0.9 > 0.5 > planted.agreement["codes of shuffled data"]
    assert planted.curve[-1]["loss"] < planted.curve[0]["loss"] < planted.chance + 1
    assert planted.scores["null, mean: order of the training rows shuffled"]["k-NN R2"] < 0.5
    (found,) = gathered([RecordingOutcome.of(planted)])
    assert judged(found).mark in ("recovered", "nearly")


@pytest.mark.slow
def test_where_nothing_is_planted_the_page_says_that_nothing_is_found(empty):
    assert max(null["p_value"] for null in empty.nulls) > 0.05
    (found,) = gathered([RecordingOutcome.of(empty)])
    assert judged(found).head == "No more than comes of nothing"
    assert "No more than comes of nothing" in page(run_of(empty))


@pytest.mark.slow
def test_the_same_experiment_gives_the_same_record_but_for_the_seconds():
    one, again = (run_recording(experiment(steps=5, num_shuffles=0)) for _ in range(2))
    for name in ("scores", "nulls", "curve", "pictures", "diagnosis", "agreement"):
        assert getattr(again, name) == getattr(one, name)


@pytest.mark.slow
def test_a_run_is_written_read_and_rendered_with_all_that_it_found(planted, tmp_path):
    folder = tmp_path / "run"
    write_run(run_of(planted, planted, seeds=(0, 1)), folder)
    assert read_run(folder).recordings == (planted, planted)
    text = (folder / "index.html").read_text()
    for part in ("planted", "PCA, 2 codes", "Codes in the plane", "What may be believed", "labels turned around"):
        assert part in text
    assert "<script" not in text
    table = (folder / "table.md").read_text()
    assert f"| contrica | {planted.scores['contrica']['k-NN R2']:.3f}" in table
    assert cli.main(["report", str(folder), "--json"]) == 0


@pytest.mark.slow
def test_a_record_that_lacks_a_part_or_holds_another_kind_of_thing_is_refused(planted):
    whole = json.loads(run_of(planted).to_json())
    for name in whole["runs"][0].keys() - {"kind"}:
        damaged = {**whole, "runs": [{key: value for key, value in whole["runs"][0].items() if key != name}]}
        with pytest.raises(RecordError, match=f"lacks {name}"):
            RunRecord.from_json(json.dumps(damaged))
    for name, wrong in {"scores": {}, "nulls": [{}], "pictures": [{"kind": "cube"}], "chance": None}.items():
        broken = RecordingRecord.from_dict({**whole["runs"][0], name: wrong})
        with pytest.raises(RecordError, match="damaged"):
            RecordingOutcome.of(broken)


@pytest.mark.parametrize("name", ["rat", "monkey", "mocap", "sprites"])
def test_a_recording_that_is_not_there_is_a_sentence_and_no_traceback(name, monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("CONTRICA_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", name, "--steps", "1"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "CONTRICA_DATA must name the folder" in said
    assert not list(tmp_path.iterdir())
    assert cli.main(["show", name]) == 0


def test_a_model_says_the_slope_of_its_rectifiers():
    planted = experiment(steps=1)
    model = replace(planted.model, negative_slope=0.2)
    fitted = fit(planted.recording.task(0), model, planted.loss, planted.training, seed=0)
    slopes = {part.negative_slope for part in fitted.encoder.modules() if isinstance(part, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_records_are_kept_by_what_the_recording_holds(monkeypatch, tmp_path):
    monkeypatch.setenv("CONTRICA_DATA", str(tmp_path))
    one, another = recipe("rat").build(seed=0)
    with pytest.raises(UnreadableFileError, match="rat_open_field_path"):
        RecordCache(tmp_path / "cache").find(one)
    (tmp_path / "rat_open_field_path.npz").write_bytes(b"1")
    key = content_key(one)
    assert content_key(one) == key != content_key(another)
    (tmp_path / "rat_open_field_path.npz").write_bytes(b"2")
    assert content_key(one) != key


def test_a_folder_is_another_one_if_a_file_in_it_is(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"1")
    before = digest(tmp_path)
    (tmp_path / "in" / "a").write_bytes(b"2")
    assert digest(tmp_path) != before
    os.rename(tmp_path / "in" / "a", tmp_path / "in" / "b")
    (tmp_path / "in" / "b").write_bytes(b"1")
    assert digest(tmp_path) != before
