"""``contrica report``: what is known of a model or a run, again."""

from pathlib import Path
from typing import Annotated

import typer

from contrica.cli.fit import tell_fit
from contrica.cli.model_folder import SUMMARY, summary
from contrica.cli.outcomes import tell
from contrica.cli.output import AsJson, print_json
from contrica.report import read_run, render_again

EXAMPLES = ("contrica report model", "contrica report results/photo", "contrica report results/photo --json")


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that contrica fit or contrica run left.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say again what a fit found; or make table and page of a run again from its record."""
    if (folder / SUMMARY).exists():
        found = summary(folder)
        if as_json:
            print_json(found)
        else:
            tell_fit(found, folder)
        return
    finished = read_run(folder)
    tell(finished, folder, render_again(folder), as_json=as_json)
