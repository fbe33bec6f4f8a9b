"""``contrica report``: the pages of a run again."""

from pathlib import Path
from typing import Annotated

import typer

from contrica.cli.outcomes import tell
from contrica.cli.output import AsJson
from contrica.report import read_run, render_again

EXAMPLES = ("contrica report results/photo", "contrica report results/photo --json")


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a run left.")], *, as_json: AsJson = False
) -> None:
    """Make table and page again from the record.json in a folder."""
    finished = read_run(folder)
    tell(finished, folder, render_again(folder), as_json=as_json)
