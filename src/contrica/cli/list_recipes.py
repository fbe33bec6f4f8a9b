"""``contrica list``: the recipes."""

from rich.table import Table

from contrica.cli.output import AsJson, print_json, print_parts
from contrica.recipes import RECIPES

EXAMPLES = ("contrica list", "contrica list --json")


def list_recipes(*, as_json: AsJson = False) -> None:
    """List the recipes."""
    if as_json:
        listed = [{"name": one.name, "title": one.title, "options": dict(one.options)} for one in RECIPES]
        print_json({"recipes": listed})
        return
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for one in RECIPES:
        rows.add_row(one.name, one.title)
    print_parts(rows)
