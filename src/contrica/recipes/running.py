"""Experiments one after another in this process, or side by side in processes of one thread each.

One that diverges does not keep the others from being finished; it is reported when they are.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from contrica import _checks
from contrica.errors import NonFiniteError
from contrica.experiment import run
from contrica.recipes.cache import RecordCache
from contrica.recipes.recipe import AnyExperiment, AnyRecord
from contrica.recipes.workers import Backend, checked_backend, workers
from contrica.recordings import RecordingExperiment, run_recording
from contrica.training import StepRecord, keep_freed_memory

OnStep = Callable[[int, StepRecord], None]
OnFailure = Callable[[int, NonFiniteError], None]
Ended = AnyRecord | NonFiniteError


def default_jobs(num_experiments: int) -> int:
    """Return how many processes serve: one per core, no more than there are experiments, one without joblib."""
    try:
        import joblib
    except ImportError:
        return 1
    return max(1, min(int(joblib.cpu_count()), num_experiments))


def run_all(
    experiments: Sequence[AnyExperiment],
    *,
    jobs: int,
    on_step: OnStep | None = None,
    on_failure: OnFailure | None = None,
    cache: RecordCache | None = None,
    backend: Backend = "processes",
    address: str | None = None,
) -> Iterator[tuple[int, AnyRecord]]:
    """Run experiments and yield each one's number and record as it is finished; those in the cache come first.

    Parameters
    ----------
    experiments : sequence of Experiment or RecordingExperiment
    jobs : int
        Experiments side by side. With 1 on this machine, all run in this process, with the threads that torch has here.
    on_step : callable, optional
        Sees the experiment's number and the record of each step; only with ``jobs=1``.
    on_failure : callable, optional
        Sees the number of an experiment that diverged, and its error, as soon as it is known.
    cache : RecordCache, optional
        Where finished experiments are looked up before and kept after. None looks up and keeps nothing.
    backend : "processes", "dask" or "ray"
        What carries them, see `contrica.recipes.workers`.
    address : str, optional
        Of the cluster's scheduler; without one, Dask and Ray start on this machine.

    Raises
    ------
    DomainError, DtypeError
        If ``jobs`` is no positive whole number, if a package that the backend needs is not installed, or if no cluster
        answers at the address.
    NonFiniteError
        After the last record, if experiments met numbers that are not finite: it names each of them.
    """
    _checks.count(jobs, "jobs")
    carrier = checked_backend(backend, address)
    waiting: dict[int, AnyExperiment] = {}
    for number, experiment in enumerate(experiments):
        kept = None if cache is None else cache.find(experiment)
        if kept is None:
            waiting[number] = experiment
        else:
            yield number, kept
    if jobs == 1 and carrier == "processes":
        finished = _one_by_one(waiting, on_step)
    else:
        finished = _side_by_side(waiting, jobs, carrier, address)
    failures = {}
    for number, ended in finished:
        if isinstance(ended, NonFiniteError):
            failures[number] = ended
            if on_failure is not None:
                on_failure(number, ended)
            continue
        if cache is not None:
            cache.keep(waiting[number], ended)
        yield number, ended
    if failures:
        named = "; ".join(
            f"{waiting[number].name!r} of seed {waiting[number].seed}: {failures[number]}"
            for number in sorted(failures)
        )
        raise NonFiniteError(
            f"{len(failures)} of {len(experiments)} experiments did not finish, the others did: {named}"
        )


def _one_by_one(experiments: dict[int, AnyExperiment], on_step: OnStep | None) -> Iterator[tuple[int, Ended]]:
    for number, experiment in experiments.items():
        yield number, _run(experiment, None if on_step is None else _bound(on_step, number))


def _bound(on_step: OnStep, number: int) -> Callable[[StepRecord], None]:
    return lambda step: on_step(number, step)


def _side_by_side(
    experiments: dict[int, AnyExperiment], jobs: int, backend: Backend, address: str | None
) -> Iterator[tuple[int, Ended]]:
    if not experiments:
        return
    with workers(backend, address):
        import joblib

        tasks = [joblib.delayed(_one)(number, experiment) for number, experiment in experiments.items()]
        if backend == "ray":
            # joblib gets nothing from Ray before all of a call is finished, so each call has one task per process.
            for first in range(0, len(tasks), jobs):
                yield from joblib.Parallel(n_jobs=jobs)(tasks[first : first + jobs])
        else:
            yield from joblib.Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered")(tasks)


def _one(number: int, experiment: AnyExperiment) -> tuple[int, Ended]:
    torch.set_num_threads(1)
    keep_freed_memory()
    return number, _run(experiment, None)


def _run(experiment: AnyExperiment, on_step: Callable[[StepRecord], None] | None) -> Ended:
    try:
        if isinstance(experiment, RecordingExperiment):
            return run_recording(experiment, on_step=on_step)
        return run(experiment, on_step=on_step)
    except NonFiniteError as failure:
        return failure
