"""``contrica show``: what a recipe shows, and which experiments it runs."""

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from contrica.cli.output import AsJson, print_json, print_parts
from contrica.recipes import recipe

EXAMPLES = ("contrica show photo", "contrica show first-look --json")

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a recipe, see contrica list.")]


def show(name: RecipeName, *, as_json: AsJson = False) -> None:
    """Say what a recipe shows, what to expect, and which experiments it runs."""
    found = recipe(name)
    experiments = found.build(seed=0)
    if as_json:
        print_json(
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
    print_parts(*said, rows, f"Run it with: contrica run {found.name}")
