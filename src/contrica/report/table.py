"""The run as a markdown table: a row per experiment, and a row per floor that its scores are read beside."""

from collections.abc import Callable, Iterable, Sequence

from contrica.report.numbers import DASH, below_one, fixed
from contrica.report.outcome import METRICS, FloorValues, Measured, Outcome

HEADINGS = (
    "experiment",
    "linear R² [95 %]",
    "MCC [95 %]",
    "smallest matched [95 %]",
    "leakage [95 %]",
    "gap to optimum, nats",
    "calibration",
    "seconds",
)

FLOOR_NAMES = {
    "noise": "codes of noise",
    "rotation": "factors, rotated",
    "observations": "observations themselves",
    "ica": "ICA of the observations",
}
"""What the floors of `evaluation.Scores` are called in front of people."""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table, scores in [0, 1] with three decimals, 0 best for leakage and 1 for the others.

    A floor differs a little from experiment to experiment; where it does, its row shows the range.
    """
    rows = [_row(outcome) for outcome in outcomes]
    rows += [[f"floor: {floor_name(name)}", *floor_cells(outcomes, name), "", "", ""] for name in floor_order(outcomes)]
    lines = [line(HEADINGS), line(["---", *["---:"] * (len(HEADINGS) - 1)]), *(line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def floor_name(name: str) -> str:
    """Return what a floor is called in front of people."""
    return FLOOR_NAMES.get(name, name)


def floor_order(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the floors that any outcome has, the known ones first."""
    present = dict.fromkeys(name for outcome in outcomes for name in outcome.floors)
    return [*(name for name in FLOOR_NAMES if name in present), *(name for name in present if name not in FLOOR_NAMES)]


def floor_cells(outcomes: Sequence[Outcome], name: str) -> list[str]:
    """Return a floor's value in each metric, as a range over experiments where they differ."""
    found = [outcome.floors.get(name, FloorValues({}, "")).values for outcome in outcomes]
    return [_span([values[metric] for values in found if metric in values], fixed) for metric in METRICS]


def interval(measured: Measured) -> str:
    """Return the interval in brackets, empty where there is none."""
    if measured.low is None or measured.high is None:
        return ""
    return f"[{below_one(measured.low)}, {below_one(measured.high)}]"


def _span(values: Sequence[float], text: Callable[[float], str]) -> str:
    ends = [text(min(values)), text(max(values))] if values else [DASH]
    return " to ".join(dict.fromkeys(ends))


def _row(outcome: Outcome) -> list[str]:
    scores = [
        f"{below_one(outcome.scores[metric].value)} {interval(outcome.scores[metric])}".strip() for metric in METRICS
    ]
    return [outcome.name, *scores, fixed(outcome.gap), fixed(outcome.calibration, 2), fixed(outcome.seconds, 1)]


def line(cells: Iterable[str]) -> str:
    """Return one line of a markdown table."""
    return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
