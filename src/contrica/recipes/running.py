"""Experiments one after another in this process, or side by side in processes of one thread each."""

from collections.abc import Callable, Iterator, Sequence

import torch

from contrica import _checks
from contrica.errors import DomainError
from contrica.experiment import Experiment, run
from contrica.record import Record
from contrica.training import StepRecord

OnStep = Callable[[int, StepRecord], None]


def default_jobs(num_experiments: int) -> int:
    """Return how many processes serve: one per core, no more than there are experiments, one without joblib."""
    try:
        import joblib
    except ImportError:
        return 1
    return max(1, min(int(joblib.cpu_count()), num_experiments))


def run_all(
    experiments: Sequence[Experiment], *, jobs: int, on_step: OnStep | None = None
) -> Iterator[tuple[int, Record]]:
    """Run experiments and yield each one's number and record as it is finished.

    Parameters
    ----------
    experiments : sequence of Experiment
    jobs : int
        Processes side by side. With 1, all run in this process, with the threads that torch has here.
    on_step : callable, optional
        Sees the experiment's number and the record of each step; only with ``jobs=1``.

    Raises
    ------
    DomainError, DtypeError
        If ``jobs`` is no positive whole number, or if joblib, which more than one process needs, is not installed.
    """
    _checks.count(jobs, "jobs")
    if jobs == 1:
        for number, experiment in enumerate(experiments):
            yield number, run(experiment, on_step=None if on_step is None else _bound(on_step, number))
    else:
        yield from _side_by_side(experiments, jobs)


def _bound(on_step: OnStep, number: int) -> Callable[[StepRecord], None]:
    return lambda step: on_step(number, step)


def _side_by_side(experiments: Sequence[Experiment], jobs: int) -> Iterator[tuple[int, Record]]:
    try:
        import joblib
        from joblib.externals.loky import get_reusable_executor
    except ImportError as error:
        raise DomainError(
            f"more than one process needs joblib, got jobs={jobs} without it; install contrica[parallel] or pass jobs=1"
        ) from error
    finished = False
    try:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            yield from joblib.Parallel(n_jobs=min(jobs, len(experiments)), return_as="generator_unordered")(
                joblib.delayed(_one)(number, experiment) for number, experiment in enumerate(experiments)
            )
        finished = True
    finally:
        get_reusable_executor().shutdown(wait=finished, kill_workers=not finished)


def _one(number: int, experiment: Experiment) -> tuple[int, Record]:
    torch.set_num_threads(1)
    return number, run(experiment)
