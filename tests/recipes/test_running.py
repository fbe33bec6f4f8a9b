import os
import signal
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace

import pytest

from contrica.errors import DomainError, NonFiniteError
from contrica.recipes import RecordCache, default_jobs, run_all, running, workers
from small_table import table
from synthetic_records import record

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OMP_NUM_THREADS": "1"}


def names(finished):
    return {number: record.experiment["name"] for number, record in finished}


WANTED = {0: "number 0", 1: "number 1", 2: "number 2"}


@pytest.fixture
def ran(monkeypatch):
    """Replace training by a made-up record; the list says what would have been trained."""
    seen = []

    def run(experiment, *, on_step=None):
        seen.append(experiment.name)
        return record(experiment.name, dim=2)

    monkeypatch.setattr(running, "run", run)
    return seen


def test_a_table_that_broke_resumes_where_it_stopped(ran, tmp_path):
    cache = RecordCache(tmp_path)
    broken = run_all(table(3), jobs=1, cache=cache)
    next(broken)
    next(broken)
    broken.close()
    assert names(run_all(table(3), jobs=1, cache=cache)) == WANTED
    assert ran == ["number 0", "number 1", "number 2"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_diverges_is_named_when_the_others_are_finished_and_kept(jobs, monkeypatch, tmp_path):
    joblib = pytest.importorskip("joblib")
    monkeypatch.setattr(running, "workers", lambda backend, address: joblib.parallel_config(backend="threading"))

    def run(experiment, *, on_step=None):
        if experiment.seed in diverging:
            raise NonFiniteError(f"loss is nan at step {experiment.seed}")
        return record(experiment.name, dim=2)

    monkeypatch.setattr(running, "run", run)
    diverging, cache, found, told = {0, 2}, RecordCache(tmp_path), {}, []
    says = (
        "2 of 4 experiments .*'number 0' of seed 0: loss is nan at step 0; 'number 2' of seed 2: loss is nan at step 2$"
    )
    table_of_four = run_all(
        table(4), jobs=jobs, cache=cache, on_failure=lambda number, error: told.append((number, str(error)))
    )
    with pytest.raises(NonFiniteError, match=says):
        found.update(table_of_four)
    assert names(found.items()) == {1: "number 1", 3: "number 3"}
    assert sorted(told) == [(0, "loss is nan at step 0"), (2, "loss is nan at step 2")]
    diverging.clear()
    assert names(run_all(table(4), jobs=jobs, cache=cache)) == {**WANTED, 3: "number 3"}
    assert cache.num_found == 2


def test_without_a_cache_all_is_run_again(ran):
    for _ in range(2):
        assert names(run_all(table(2), jobs=1)) == {0: "number 0", 1: "number 1"}
    assert len(ran) == 4


@pytest.mark.slow
def test_a_small_table_on_a_dask_cluster_gives_the_records_of_one_after_another(tmp_path):
    distributed = pytest.importorskip("distributed")
    cache = RecordCache(tmp_path)
    with warnings.catch_warnings():
        # distributed starts loops and sockets of its own, and says when it ends them late
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
        ) as cluster:
            address = cluster.scheduler_address
            found = dict(run_all(table(3), jobs=2, cache=cache, backend="dask", address=address))
    assert names(found.items()) == WANTED
    for number, here in run_all(table(3), jobs=1):
        assert (here.scores, here.recovered) == (found[number].scores, found[number].recovered)
        assert cache.find(table(3)[number]) == found[number]


SCRIPT = """
from pathlib import Path
from contrica.recipes import RecordCache, run_all
from small_table import table
cache = RecordCache(Path("cache"))
found = dict(run_all(table(6), jobs=1, cache=cache))
print(cache.num_found, sorted(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no such signal")
def test_a_table_that_is_killed_resumes_where_it_stopped(tmp_path):
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, env=ENVIRONMENT, cwd=tmp_path) as broken:
        while len(list(tmp_path.glob("cache/*/*.json"))) < 2:
            time.sleep(0.01)
            assert broken.poll() is None
        broken.send_signal(signal.SIGKILL)
    before = len(list(tmp_path.glob("cache/*/*.json")))
    assert 2 <= before <= 6
    said = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said == f"{before} [0, 1, 2, 3, 4, 5]\n"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"jobs": 1, "backend": "slurm"}, "backend must be one of"),
        ({"jobs": 1, "address": "tcp://here:1"}, "needs backend dask or ray"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(settings, says, ran):
    with pytest.raises(DomainError, match=says):
        next(run_all(table(1), **settings))
    assert ran == []


@pytest.mark.parametrize(("backend", "module"), [("processes", "joblib"), ("dask", "distributed"), ("ray", "ray")])
def test_a_package_that_is_not_installed_is_named(backend, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DomainError, match=r"install contrica\["), workers.workers(backend, None):
        pass


def ray_that(init):
    ended = []
    made = SimpleNamespace(init=init, shutdown=lambda: ended.append(True))
    return {"ray": made, "ray.util": SimpleNamespace(), "ray.util.joblib": SimpleNamespace(register_ray=None)}, ended


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (None, r"must start on this machine, and none does \(timed out after 30 s\); try again or choose another"),
        ("ray://there:1", r"must answer at ray://there:1, and none does \(timed out after 30 s\); start one there"),
    ],
)
def test_a_cluster_of_ray_that_does_not_start_ends_in_a_sentence(address, says, monkeypatch):
    def init(**settings):
        raise Exception("timed out\n  after 30 s")  # this is what Ray raises

    modules, ended = ray_that(init)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(DomainError, match=says):
        next(run_all(table(1), jobs=2, backend="ray", address=address))
    assert ended == [True]


def test_on_ray_records_come_as_many_at_a_time_as_there_are_processes(ran, monkeypatch):
    joblib = pytest.importorskip("joblib")
    monkeypatch.setattr(running, "workers", lambda backend, address: joblib.parallel_config(backend="threading"))
    coming = run_all(table(3), jobs=2, backend="ray")
    found = dict([next(coming), next(coming)])
    assert sorted(ran) == ["number 0", "number 1"]
    found |= dict(coming)
    assert names(found.items()) == WANTED


def test_there_are_no_more_processes_than_experiments(monkeypatch):
    assert default_jobs(1) == 1
    assert default_jobs(0) == 1
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert default_jobs(8) == 1
