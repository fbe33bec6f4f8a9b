"""The command line: list and show recipes, run one into a folder, make the report of a folder again.

Exit codes are 0 for done, 2 for input that was refused, 130 for Ctrl-C, and 1 for a bug.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from contrica import _checks
from contrica.errors import ContricaError
from contrica.experiment import Experiment
from contrica.recipes import RECIPES, RecordCache, default_cache_folder, default_jobs, recipe, run_all
from contrica.recipes.running import OnStep
from contrica.recipes.workers import checked_backend
from contrica.report import (
    RunRecord,
    default_folder,
    ensure_writable,
    over_seeds,
    read_run,
    render_again,
    seeds_of,
    verdict,
    write_run,
)
from contrica.report.numbers import below_one, fixed
from contrica.report.outcome import Outcome
from contrica.training import StepRecord

WIDE = 160
"""Columns for tables that go into a file or a pipe."""

DONE, REFUSED, INTERRUPTED = 0, 2, 130

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser of the command line raises; typer does not name it."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a recipe, see contrica list.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def _examples(*lines: str) -> str:
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors of ours become one sentence."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # terminals without the signs that reports use
    try:
        code = typer.main.get_command(app).main(words or ["--help"], prog_name="contrica", standalone_mode=False)
        sys.stdout.flush()
    except ContricaError as error:
        return _refuse(str(error), words)
    except ImportError as error:
        if "pillow" not in str(error).lower() and error.name != "PIL":
            raise
        return _refuse("photographs need pillow, and it is not installed; install contrica[images]", words)
    except UsageError as error:
        return _refuse(f"{_sentence(error)} see contrica --help", words)
    except (typer.Abort, KeyboardInterrupt):
        return _refuse("interrupted, and no file was left half written", words, code=INTERRUPTED)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has seen enough, which the parser turns into an exit of its own. The flush when Python
        # ends must not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code if isinstance(code, int) else DONE


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"contrica {version('contrica')}")
        raise typer.Exit
    return wanted


@app.callback(
    invoke_without_command=True,
    epilog=_examples(
        "contrica list",
        "contrica run first-look",
        "contrica --version",
    ),
)
def contrica(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Contrastive learning that recovers the true latent factors, and says up to what."""


@app.command(
    "list",
    epilog=_examples(
        "contrica list",
        "contrica list --json",
    ),
)
def list_recipes(*, as_json: AsJson = False) -> None:
    """List the recipes."""
    if as_json:
        listed = [{"name": one.name, "title": one.title, "options": dict(one.options)} for one in RECIPES]
        _print_json({"recipes": listed})
        return
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for one in RECIPES:
        rows.add_row(one.name, one.title)
    _print(rows)


@app.command(
    epilog=_examples(
        "contrica show photo",
        "contrica show first-look --json",
    )
)
def show(name: RecipeName, *, as_json: AsJson = False) -> None:
    """Say what a recipe shows, what to expect, and which experiments it runs."""
    found = recipe(name)
    experiments = found.build(seed=0)
    if as_json:
        _print_json(
            {
                "name": found.name,
                "title": found.title,
                "summary": found.summary,
                "options": dict(found.options),
                "experiments": [experiment.describe() for experiment in experiments],
            }
        )
        return
    said = [found.title, found.summary]
    said += [f"--{option} {default} unless asked otherwise" for option, default in found.options.items()]
    rows = Table("experiment", "loss", "steps", "batch", box=box.MARKDOWN)
    for experiment in experiments:
        training = experiment.training
        rows.add_row(experiment.name, type(experiment.loss).__name__, str(training.steps), str(training.batch_size))
    _print(*said, rows, f"Run it with: contrica run {found.name}")


@app.command(
    epilog=_examples(
        "contrica run first-look",
        "contrica run photo --seed 1 --out results/photo",
        "contrica run photo --image china.jpg --json",
        "contrica run photo --seeds 0-2",
        "contrica run first-look --steps 100 --jobs 1 --out results/quick --overwrite",
    )
)
def run(
    name: RecipeName,
    *,
    seed: Annotated[
        str, typer.Option("--seed", "--seeds", help="Decides every random number; several as 0,1,2 or 0-2.")
    ] = "0",
    steps: Annotated[
        int | None, typer.Option(help="Updates per experiment, instead of the recipe's own number.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="The picture, for recipes that photograph one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/RECIPE-seedN if not given.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that is in the folder.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Experiments side by side; one per core if not given.")] = None,
    backend: Annotated[str, typer.Option(help="What carries them: processes, dask or ray.")] = "processes",
    address: Annotated[
        str | None, typer.Option(help="Of the scheduler of a Dask or Ray cluster; none starts one on this machine.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of finished experiments; CONTRICA_CACHE or the user's cache folder if not given."),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run all anew, and keep nothing for later.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe and leave a folder with record.json, table.md and index.html.

    Each finished experiment is kept in the cache, so a run that was stopped resumes where it was.
    """
    found = recipe(name)
    asked = {} if image is None else {"image": image}
    options = found.with_defaults(asked)
    seeds = seeds_of(seed)
    experiments = [made for one in seeds for made in found.build(seed=one, steps=steps, options=options)]
    processes = default_jobs(len(experiments)) if jobs is None else _checks.count(jobs, "jobs")
    carrier = checked_backend(backend, address)
    folder = default_folder(found.name, seeds, asked.values()) if out is None else out
    ensure_writable(folder, overwrite=overwrite)
    kept = None if no_cache else RecordCache(cache or default_cache_folder(), say=_aside)
    records = {}
    with _progress(experiments, processes, quiet=as_json) as (on_step, on_done):
        for number, record in run_all(
            experiments, jobs=processes, on_step=on_step, cache=kept, backend=carrier, address=address
        ):
            records[number] = record
            on_done(number)
    finished = RunRecord(
        recipe=found.name,
        title=found.title,
        summary=found.summary,
        options=options,
        seeds=seeds,
        steps=steps,
        jobs=jobs,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        records=tuple(records[number] for number in range(len(experiments))),
        published=dict(found.published),
        charts=found.charts(),
    )
    paths = write_run(finished, folder, overwrite=overwrite)
    _tell(finished, folder, paths, as_json=as_json)
    if kept is not None and kept.num_found and not as_json:
        _print(
            f"{kept.num_found} of {len(experiments)} experiments were finished before and taken from {kept.folder};"
            " --no-cache runs them anew."
        )


@app.command(
    epilog=_examples(
        "contrica report results/photo",
        "contrica report results/photo --json",
    )
)
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a run left.")], *, as_json: AsJson = False
) -> None:
    """Make table and page again from the record.json in a folder."""
    finished = read_run(folder)
    _tell(finished, folder, render_again(folder), as_json=as_json)


def _tell(finished: RunRecord, folder: Path, paths: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        _print_json(_summary(finished, [Outcome.of(record) for record in finished.records], folder, paths))
        return
    outcomes = over_seeds(map(Outcome.of, finished.records))
    rows = Table("experiment", "outcome", "linear R²", "MCC", "gap, nats", "seconds", box=box.MARKDOWN)
    for outcome in outcomes:
        scores = [below_one(outcome.scores[metric].value) for metric in ("r2", "mcc_pearson")]
        kind = verdict(outcome).kind.value
        rows.add_row(outcome.name, kind, *scores, fixed(outcome.gap), fixed(outcome.seconds, 1))
    judged = [verdict(outcome) for outcome in outcomes] if len(outcomes) == 1 else []
    said = [one.sentence + (f" {one.reason}" if one.reason else "") for one in judged]
    _print(rows, *said, f"The page, which opens in any browser: {folder / 'index.html'}")


def _summary(finished: RunRecord, outcomes: Sequence[Outcome], folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    whole = finished.to_dict()
    runs = []
    for outcome, record in zip(outcomes, whole["runs"], strict=True):
        judged = verdict(outcome)
        parts = {
            name: record[name] for name in ("scores", "guarantee", "information", "optimum", "calibration", "seconds")
        }
        runs.append(
            {
                "name": outcome.name,
                "outcome": judged.kind.value,
                "sentence": judged.sentence,
                "reason": judged.reason,
                **parts,
            }
        )
    head = {name: whole[name] for name in ("recipe", "options", "seeds", "steps", "command", "date")}
    return {**head, "folder": str(folder), "files": [path.name for path in paths], "runs": runs}


@contextmanager
def _progress(experiments: Sequence[Experiment], jobs: int, *, quiet: bool) -> Iterator[tuple[OnStep, Any]]:
    """Show on standard error, where it is a terminal, how far the run is."""
    console = Console(stderr=True)
    shown = not quiet and sys.stderr.isatty() and console.is_terminal
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, TextColumn("{task.fields[loss]}"), console=console, transient=True, disable=not shown
    ) as bar:
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


def _aside(sentence: str) -> None:
    typer.echo(f"contrica: {sentence}", err=True)


def _print(*parts: RenderableType) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False, emoji=False)
    texts = []
    for part in parts:
        with console.capture() as captured:
            console.print(part, soft_wrap=isinstance(part, str) and not sys.stdout.isatty())
        lines = captured.get().split("\n")
        texts.append("\n".join(line.rstrip() for line in lines).strip("\n"))
    sys.stdout.write("\n\n".join(texts) + "\n")


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")


def _refuse(sentence: str, words: Sequence[str], *, code: int = REFUSED) -> int:
    if "--json" in words:
        _print_json({"error": sentence})
    else:
        typer.echo(f"contrica: {sentence}", err=True)
    return code


def _sentence(error: Any) -> str:
    text = str(error.format_message()).strip().replace("\n", " ").rstrip(".")
    return f"{text[:1].lower()}{text[1:]};"
