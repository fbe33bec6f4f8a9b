"""``contrica inspect``: what is in a file, and the command to run next."""

from typing import Annotated, Any

import typer
from rich import box
from rich.console import RenderableType
from rich.table import Table

from contrica.cli.families import Family, families
from contrica.cli.output import AsJson, print_json, print_parts
from contrica.cli.suggestion import suggestions
from contrica.files import ArrayInfo, contents
from contrica.files.limits import brief

EXAMPLES = ("contrica inspect toy.npz", "contrica inspect toy.npz --json")

SHOWN = 60
"""Arrays, or patterns of arrays, that are shown; --json lists all."""

REFUSALS_SHOWN = 3


def inspect_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of arrays, a table, or a folder of images.")],
    *,
    as_json: AsJson = False,
) -> None:
    """List what is in a file, and print the command that fits it."""
    found = contents(file)
    next_steps = suggestions(found)
    if as_json:
        print_json(
            {
                "file": str(found.path),
                "format": found.title,
                "arrays": [_described(one) for one in found.arrays],
                "next": [{"command": one.command, "pairs": one.because} for one in next_steps],
            }
        )
        return
    listed = families(found.arrays)
    rows = Table("column" if found.is_table else "array", "shape", "holds", box=box.MARKDOWN)
    for one in listed[:SHOWN]:
        rows.add_row(brief(one.name) or "(the file itself)", _shape(one), one.holds)
    said: list[RenderableType] = [f"{found.path}: {found.title}", rows]
    if len(listed) > SHOWN:
        said.append(f"... and {len(listed) - SHOWN} more, which --json lists.")
    refusals = [refusal for one in listed if one.holds != "text" for refusal in one.refusals[:1]]
    said += [f"Not read: {refusal}." for refusal in refusals[:REFUSALS_SHOWN]]
    if not next_steps:
        said.append("Nothing in it is a recording: an array of numbers with at least two columns.")
    for number, step in enumerate(next_steps):
        said.append(f"{'Next, if' if number == 0 else 'Or, if'} {step.because}:\n    {step.command}")
    print_parts(*said)


def _described(one: ArrayInfo) -> dict[str, Any]:
    return {"name": one.name, "shape": list(one.shape), "holds": one.holds, "refusal": one.refusal or None}


def _shape(family: Family) -> str:
    axes = zip(*(one.shape for one in family.members), strict=False)
    same = [lengths[0] if len(set(lengths)) == 1 else None for lengths in axes]
    lengths = " x ".join("?" if length is None else str(length) for length in same) or "-"
    return f"{len(family.members)} of {lengths}" if family.is_joined else lengths
