"""Scores on a scale from 0 to 1, each with its interval and with the floors it has to be read beside."""

from collections.abc import Sequence
from dataclasses import dataclass

from contrica.report.numbers import below_one
from contrica.report.outcome import Measured, Outcome
from contrica.report.svg import Scale, element, figure, words
from contrica.report.table import floor_name, floor_order

WIDTH = 360.0
ROW = 38.0
AXIS = 24.0
LEFT, RIGHT = 12.0, 348.0

TITLES = {
    "r2": "linear R²",
    "mcc_pearson": "mean matched correlation (MCC)",
    "smallest_matched": "smallest matched correlation",
    "leakage": "leakage (0 is best)",
}

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Row:
    """A labelled score and the values of its floors by name."""

    label: str
    score: Measured
    floors: dict[str, float]


def scores_of(outcome: Outcome) -> str:
    """Draw all scores of one outcome."""
    rows = [Row(title, outcome.scores[metric], _floors(outcome, metric)) for metric, title in TITLES.items()]
    return dot_plot(f"Scores of {outcome.name} on a scale from 0 to 1, with their floors", rows)


def one_score(outcomes: Sequence[Outcome], metric: str) -> str:
    """Draw one score of all outcomes, a row each."""
    rows = [Row(outcome.name, outcome.scores[metric], _floors(outcome, metric)) for outcome in outcomes]
    return dot_plot(f"{TITLES[metric]} of all experiments on a scale from 0 to 1, with their floors", rows)


def legend(outcomes: Sequence[Outcome], ends: str = "95 % interval") -> str:
    """Return what the marks mean."""
    entries = [element("span", _sample(_dot(8.0, 8.0)), words(f"score, with {ends}"), class_="key")]
    entries += [
        element("span", _sample(_mark(name, 8.0, 8.0)), words(f"floor: {floor_name(name)}"), class_="key")
        for name in floor_order(outcomes)
    ]
    return element("p", *entries, class_="legend")


def dot_plot(title: str, rows: Sequence[Row]) -> str:
    """Draw a line per row. Values outside [0, 1] are drawn at the nearer end; the number beside says what they are."""
    scale = Scale(0.0, 1.0, LEFT, RIGHT)
    height = ROW * len(rows) + AXIS
    bottom = height - AXIS
    parts = [element("line", class_="grid", x1=scale(tick), x2=scale(tick), y1=4, y2=bottom + 4) for tick in TICKS]
    parts += [
        element("text", words(f"{tick:g}"), class_="tick", x=scale(tick), y=height - 5, text_anchor=_anchor(tick))
        for tick in TICKS
    ]
    for number, row in enumerate(rows):
        parts.append(_drawn(row, scale, ROW * number))
    return figure(WIDTH, height, title, *parts)


def _drawn(row: Row, scale: Scale, top: float) -> str:
    line = top + 27.0
    value = below_one(row.score.value)
    parts = [
        element("text", words(row.label), class_="label", x=LEFT, y=top + 14.0),
        element("text", words(value), class_="value", x=RIGHT, y=top + 14.0, text_anchor="end"),
        element("line", class_="rail", x1=LEFT, x2=RIGHT, y1=line, y2=line),
    ]
    parts += [
        _mark(name, scale(floor), line, f"floor: {floor_name(name)} {floor:.3f}") for name, floor in row.floors.items()
    ]
    if row.score.low is not None and row.score.high is not None:
        parts.append(
            element("line", class_="whisker", x1=scale(row.score.low), x2=scale(row.score.high), y1=line, y2=line)
        )
    parts.append(_dot(scale(row.score.value), line, f"{row.label} {value}"))
    return element("g", *parts)


def _floors(outcome: Outcome, metric: str) -> dict[str, float]:
    return {
        name: outcome.floors[name].values[metric]
        for name in floor_order([outcome])
        if metric in outcome.floors[name].values
    }


def _dot(x: float, y: float, title: str = "") -> str:
    return element("circle", *_tip(title), class_="score", cx=x, cy=y, r=4.6)


def _mark(name: str, x: float, y: float, title: str = "") -> str:
    """Draw a floor: each has a shape of its own, so that colour is not needed to tell them apart."""
    shapes = {
        "noise": f"M{x - 3.5:.2f} {y - 3.5:.2f}l7 7m0 -7l-7 7",
        "rotation": f"M{x:.2f} {y - 5:.2f}l5 5l-5 5l-5 -5z",
        "observations": f"M{x - 4:.2f} {y - 4:.2f}h8v8h-8z",
        "ica": f"M{x:.2f} {y - 5:.2f}l4.8 8.6h-9.6z",
    }
    return element("path", *_tip(title), class_="floor", d=shapes.get(name, f"M{x:.2f} {y - 5:.2f}v10"))


def _tip(title: str) -> list[str]:
    return [element("title", words(title))] if title else []


def _sample(mark: str) -> str:
    return element("svg", mark, viewBox="0 0 16 16", class_="mark", aria_hidden="true")


def _anchor(tick: float) -> str:
    return {0.0: "start", 1.0: "end"}.get(tick, "middle")
