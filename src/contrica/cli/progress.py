"""Bars on the error stream, with the time that remains, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contrica.recipes.recipe import AnyExperiment
from contrica.recipes.running import OnStep
from contrica.training import StepRecord


@contextmanager
def steps_progress(total: int, *, quiet: bool) -> Iterator[Callable[[StepRecord], None]]:
    """Show on standard error, where it is a terminal, how far a training is."""
    with _bar(quiet=quiet) as bar:
        task = bar.add_task("steps", total=total, loss="")

        def on_step(step: StepRecord) -> None:
            bar.update(task, completed=step.step, loss=f"loss {step.loss:.3f}")

        yield on_step


@contextmanager
def rows_progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show on standard error, where it is a terminal, how many rows are done."""
    with _bar(quiet=quiet) as bar:
        task = bar.add_task("rows", total=total, loss="")
        yield lambda count: bar.update(task, advance=count)


@contextmanager
def experiments_progress(
    experiments: Sequence[AnyExperiment], jobs: int, *, quiet: bool
) -> Iterator[tuple[OnStep, Any]]:
    """Show on standard error, where it is a terminal, how far the run is."""
    with _bar(quiet=quiet) as bar:
        one_by_one = jobs == 1
        total = sum(experiment.training.steps for experiment in experiments) if one_by_one else len(experiments)
        label = "steps" if one_by_one else "experiments"
        task = bar.add_task(label, total=total, loss="")
        done: set[int] = set()

        def on_step(number: int, step: StepRecord) -> None:
            place = f"{experiments[number].name} ({number + 1} of {len(experiments)})"
            bar.update(task, advance=1, description=place, loss=f"loss {step.loss:.3f}")

        def on_done(number: int) -> None:
            done.add(number)
            finished = sum(experiments[one].training.steps for one in done) if one_by_one else len(done)
            bar.update(task, completed=finished)

        yield on_step, on_done


def _bar(*, quiet: bool) -> Progress:
    console = Console(stderr=True)
    shown = not quiet and sys.stderr.isatty() and console.is_terminal
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[loss]}"), console=console, transient=True, disable=not shown)
