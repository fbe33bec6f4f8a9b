"""What is printed: texts and tables for people, or one JSON object and nothing else."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from contrica.errors import ContricaError

WIDE = 160
"""Columns for tables that go into a file or a pipe."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


class Stopped(ContricaError):
    """The user ended a command early, and something came of it all the same; ``told`` says whether that was printed."""

    def __init__(self, sentence: str, *, told: bool) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.told = told


def print_parts(*parts: RenderableType) -> None:
    """Print texts and tables, with an empty line between them."""
    console = Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False, emoji=False)
    texts = []
    for part in parts:
        with console.capture() as captured:
            console.print(part, soft_wrap=isinstance(part, str) and not sys.stdout.isatty())
        lines = captured.get().split("\n")
        texts.append("\n".join(line.rstrip() for line in lines).strip("\n"))
    sys.stdout.write("\n\n".join(texts) + "\n")


def print_json(value: dict[str, Any]) -> None:
    """Print one object on one line."""
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")


def print_aside(sentence: str) -> None:
    """Say something on the error stream that does not end the program."""
    typer.echo(f"contrica: {sentence}", err=True)
