"""What a recipe wants drawn across its experiments, as values that a record can hold.

A chart names experiments; the numbers are looked up when it is drawn, so that it is the same for one seed and for ten.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contrica.errors import RecordError


@dataclass(frozen=True)
class Line:
    """Measured points that belong together: where each is across, and the experiment whose number it is."""

    label: str
    points: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Prediction:
    """What was expected before anything was run: points (across, up) joined by a line."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curves:
    """One number of many experiments against something that differs between them, with the prediction drawn in.

    Parameters
    ----------
    title, caption : str
    across : str
        Label of the axis.
    number : str
        Which number is drawn, see `numbers_of.NUMBERS`.
    lines : tuple of Line
    predictions : tuple of Prediction
    log_across : bool
        Whether the axis is logarithmic.
    """

    title: str
    caption: str
    across: str
    number: str
    lines: tuple[Line, ...]
    predictions: tuple[Prediction, ...] = ()
    log_across: bool = False


@dataclass(frozen=True)
class Grid:
    """One number of experiments that differ in two ways, as a table of shaded cells.

    Parameters
    ----------
    title, caption : str
    number : str
    rows, columns : tuple of str
        Labels.
    cells : tuple of tuple of str
        Names of the experiments, row by row; empty where there is none.
    """

    title: str
    caption: str
    number: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


Chart = Curves | Grid


def chart_to_dict(chart: Chart) -> dict[str, Any]:
    """Return plain JSON values."""
    return {"kind": type(chart).__name__.lower(), **dataclasses.asdict(chart)}


def chart_from_dict(found: Mapping[str, Any]) -> Chart:
    """Read what `chart_to_dict` gave.

    Raises
    ------
    RecordError
        If it is no chart, or a part is missing.
    """
    try:
        words = {name: str(found[name]) for name in ("title", "caption", "number")}
        if found["kind"] == "grid":
            rows, columns = (tuple(str(label) for label in found[name]) for name in ("rows", "columns"))
            cells = tuple(tuple(str(name) for name in row) for row in found["cells"])
            if len(cells) != len(rows) or {len(row) for row in cells} - {len(columns)}:
                raise ValueError("cells do not fit rows and columns")
            return Grid(**words, rows=rows, columns=columns, cells=cells)
        if found["kind"] != "curves":
            raise ValueError(f"kind {found['kind']!r}")
        return Curves(
            **words,
            across=str(found["across"]),
            lines=tuple(
                Line(str(line["label"]), tuple((float(x), str(name)) for x, name in line["points"]))
                for line in found["lines"]
            ),
            predictions=tuple(
                Prediction(str(line["label"]), tuple((float(x), float(y)) for x, y in line["points"]))
                for line in found["predictions"]
            ),
            log_across=bool(found["log_across"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RecordError(f"the record is damaged: one of its charts cannot be read ({error}); run again") from error
