"""A small recording and a model of it, made once for all tests of the command line, and recipes that do not train."""

import os
import sys
import warnings

import pytest
import torch

from contrica import cli
from contrica.recipes import running
from contrica.training import StepRecord
from synthetic_records import record

STEPS = ["--steps", "30", "--batch-size", "64", "--patience", "0"]


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A folder with toy.npz, toy.csv and a model of them."""
    folder = tmp_path_factory.mktemp("toy")
    before = os.getcwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for ending in ("npz", "csv"):
                assert cli.main(["simulate", "--rows", "2400", "--trials", "60", "--out", f"toy.{ending}"]) == 0
            words = ["fit", "toy.npz:x", "--positives", "toy.npz:positives", "--groups", "toy.npz:trial"]
            assert cli.main([*words, "--components", "3", "--out", "model", *STEPS]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(toy, tmp_path, monkeypatch):
    """An empty folder to work in, in which toy.npz, toy.csv and model are found."""
    for name in ("toy.npz", "toy.csv", "model"):
        os.symlink(toy / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(monkeypatch, tmp_path, tmp_path_factory):
    """Replace training by a made-up record, and work in an empty folder; the list says what would have been trained."""
    experiments = []

    def run(experiment, *, on_step=None):
        experiments.append(experiment)
        for step in range(1, experiment.training.steps + 1):
            on_step(StepRecord(step, 1.0, 1.0, 1e-3, torch.float32))
        return record(experiment.name, dim=2)

    monkeypatch.setattr(running, "run", run)
    monkeypatch.setattr("contrica.cli.run.default_jobs", lambda count: 1)
    monkeypatch.setenv("CONTRICA_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)
    return experiments


@pytest.fixture(scope="session")
def program():
    """The command that starts contrica in a process of its own, and its environment."""
    path = os.pathsep.join(part for part in sys.path if part)
    start = "import sys; from contrica.cli import main; sys.exit(main())"
    return [sys.executable, "-c", start], {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
