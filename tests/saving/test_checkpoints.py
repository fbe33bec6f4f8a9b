import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from contrica.errors import DomainError, DtypeError, OutputError, RecordError
from contrica.saving import Checkpoints, read_folder, read_manifest, save_model, write_folder
from contrica.saving import checkpoints as module
from contrica.training.module_tensors import tensors_of
from small_fit import OPTIONS, parts, start


def values(*modules):
    return [tensor.detach().clone() for module in modules for tensor in tensors_of(module).values()]


def same(left, right):
    return len(left) == len(right) and all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


def advanced(training, steps):
    for _ in range(steps):
        next(training)
    return training


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_a_fit_goes_on_from_a_folder_to_the_same_end(optimizer, tmp_path):
    whole, other = parts(), parts(seed=7)
    list(start(*whole, optimizer=optimizer))
    checkpoints = Checkpoints(tmp_path / "out")
    checkpoints.write(advanced(start(*parts(), optimizer=optimizer), 5).state({"best": torch.ones(2), "at": [1, None]}))
    state = Checkpoints(tmp_path / "out").latest()
    assert torch.equal(state.notes.pop("best"), torch.ones(2))
    assert state.notes == {"at": [1, None]}
    list(start(*other, optimizer=optimizer, resume_from=state))
    assert same(values(*other), values(*whole))


def test_there_is_no_state_in_a_folder_that_is_new_or_empty_or_was_never_finished(tmp_path):
    assert Checkpoints(tmp_path / "nowhere").latest() is None
    assert Checkpoints(tmp_path).latest() is None
    (tmp_path / ".contrica-left").mkdir()
    (tmp_path / "tensors-0123456789abcdef.safetensors").touch()
    assert Checkpoints(tmp_path).latest() is None


def test_a_folder_of_something_else_is_a_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RecordError, match=r"no manifest\.json"):
        Checkpoints(tmp_path).latest()
    with pytest.raises(OutputError, match="other files"):
        Checkpoints(tmp_path).write(start(*parts()).state())
    save_model(tmp_path / "model", {"encoder": parts()[0]})
    with pytest.raises(RecordError, match="must hold a checkpoint, and it holds a model"):
        Checkpoints(tmp_path / "model").latest()
    with pytest.raises(RecordError, match="must be a folder"):
        Checkpoints(tmp_path / "notes.txt").latest()


def test_a_state_is_due_by_steps_or_by_the_clock(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    by_steps, by_clock = Checkpoints(tmp_path / "a", every_steps=5), Checkpoints(tmp_path / "b", every_seconds=10)
    both, default = Checkpoints(tmp_path / "c", every_steps=5, every_seconds=10), Checkpoints(tmp_path / "d")
    assert [step for step in range(1, 12) if by_steps.is_due(step)] == [5, 10]
    now = 109.0
    assert not by_clock.is_due(5)
    now = 110.0
    assert by_clock.is_due(1)
    assert both.is_due(1)
    assert not default.is_due(1)
    by_clock.write(start(*parts()).state())
    assert not by_clock.is_due(1)
    now = 160.0
    assert default.is_due(1)


@pytest.mark.parametrize("settings", [{"every_steps": 0}, {"every_steps": 1.5}, {"every_seconds": 0}])
def test_a_policy_that_is_none_is_refused(settings, tmp_path):
    with pytest.raises((DomainError, DtypeError), match="every_"):
        Checkpoints(tmp_path, **settings)


def test_notes_in_the_form_of_a_tensor_are_refused(tmp_path):
    with pytest.raises(DomainError, match=r"other keys than '\$tensor'"):
        Checkpoints(tmp_path).write(start(*parts()).state({"a": {"$tensor": "x"}}))


@pytest.mark.slow
@pytest.mark.parametrize("field", ["step", "settings", "encoder", "optimizer", "generator", "source", "notes"])
def test_a_state_with_a_part_missing_or_of_another_type_is_a_sentence(field, tmp_path):
    Checkpoints(tmp_path / "out").write(advanced(start(*parts()), 2).state())
    saved = read_folder(tmp_path / "out", kind="checkpoint")
    for number, value in enumerate([None, [1], "x", 1.5]):
        description = {**saved.description, field: value}
        write_folder(tmp_path / str(number), kind="checkpoint", description=description, tensors=saved.tensors)
        with pytest.raises(RecordError, match="parts of its state are missing"):
            Checkpoints(tmp_path / str(number)).latest()


# ---- kills ----


def run_small_fit(*words, **settings):
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment |= {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(tests / "small_fit.py"), *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **settings)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fit_that_is_killed_again_and_again_ends_bit_equal_to_the_unbroken_one(tmp_path):
    """SIGKILL at a random moment of each attempt, with a checkpoint after every step: many moments are within one."""
    finished = run_small_fit("kills", tmp_path / "out", 50)
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert report["kills"] >= 50
    assert report["kills in a write"] >= 5
    assert report["steps lost or gained"] == 0
    assert report["bit equal"]
    assert set(os.listdir(tmp_path / "out")) == {"manifest.json", read_manifest(tmp_path / "out").data_file}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGINT")
def test_ctrl_c_ends_a_fit_between_two_steps_with_a_model_and_a_checkpoint(tmp_path):
    finished = run_small_fit("interrupt", tmp_path)
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert 0 < report["step"] < OPTIONS.steps
    assert report["model is that of the state"]
    assert report["bit equal after going on"]
