"""``contrica run``: a recipe into a folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contrica import _checks
from contrica.cli.outcomes import tell
from contrica.cli.output import AsJson, print_aside, print_parts
from contrica.cli.progress import experiments_progress
from contrica.cli.show import RecipeName
from contrica.recipes import RecordCache, default_cache_folder, default_jobs, recipe, run_all
from contrica.recipes.workers import checked_backend
from contrica.report import RunRecord, default_folder, ensure_writable, seeds_of, write_run

EXAMPLES = (
    "contrica run first-look",
    "contrica run photo --seed 1 --out results/photo",
    "contrica run photo --image china.jpg --json",
    "contrica run photo --seeds 0-2",
    "contrica run first-look --steps 100 --jobs 1 --out results/quick --overwrite",
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
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "--force", help="Replace the run that is in the folder.")
    ] = False,
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

    Each finished experiment is kept in the cache, so a run that was stopped resumes where it was. One that diverges
    does not stop the others; it is named when these are finished, and no page is written.
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
    kept = None if no_cache else RecordCache(cache or default_cache_folder(), say=print_aside)
    records = {}
    with experiments_progress(experiments, processes, quiet=as_json) as (on_step, on_done):
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
        published=found.published,
        charts=found.charts(),
    )
    paths = write_run(finished, folder, overwrite=overwrite)
    tell(finished, folder, paths, as_json=as_json)
    if kept is not None and kept.num_found and not as_json:
        print_parts(
            f"{kept.num_found} of {len(experiments)} experiments were finished before and taken from {kept.folder};"
            " --no-cache runs them anew."
        )
