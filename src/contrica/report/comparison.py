"""The table and the two figures that set several experiments beside each other."""

from collections.abc import Sequence

from contrica.report.numbers import below_one, fixed
from contrica.report.outcome import METRICS, Outcome
from contrica.report.scores_figure import legend, one_score
from contrica.report.svg import element, words
from contrica.report.table import floor_cells, floor_name, floor_order, interval
from contrica.report.verdict import verdict

HEADINGS = ("experiment", "linear R²", "MCC", "smallest matched", "leakage", "gap, nats", "calibration", "seconds")


def comparison(outcomes: Sequence[Outcome], *, seeds: int = 1, folded: bool = False) -> str:
    """Return the section on one outcome per experiment, see `over_seeds`; folded, it is the table alone."""
    head = element("thead", element("tr", *(element("th", words(title), scope="col") for title in HEADINGS)))
    body = element("tbody", *map(_row, outcomes), *(_floor(outcomes, name) for name in floor_order(outcomes)))
    ends = "95 % intervals" if seeds == 1 else f"the least and the greatest of {seeds} seeds"
    caption = f"Held-out scores with {ends}. Leakage and the gap to the optimum are best at 0, the rest at 1."
    note = element("p", words(caption), class_="note")
    table = element("div", element("table", head, body), class_="wide", tabindex="0", role="region", aria_label=caption)
    title = element("h2", words("All experiments"))
    if folded:
        return title + element("details", element("summary", words(f"{len(outcomes)} rows")), note, table)
    drawn = [element("figure", one_score(outcomes, metric), _caption(metric)) for metric in ("r2", "mcc_pearson")]
    return "".join(
        [
            title,
            note,
            table,
            legend(outcomes, ends),
            element("div", *drawn, class_="pair"),
        ]
    )


def _row(outcome: Outcome) -> str:
    kind = verdict(outcome).kind
    state = element("span", words(kind.value), class_=f"state {kind.name.lower()}")
    cells = []
    for metric in METRICS:
        measured = outcome.scores[metric]
        cells.append(words(below_one(measured.value)) + element("small", words(interval(measured))))
    cells += [fixed(outcome.gap), fixed(outcome.calibration, 2), fixed(outcome.seconds, 1)]
    return element(
        "tr", element("th", words(outcome.name), state, scope="row"), *(element("td", cell) for cell in cells)
    )


def _floor(outcomes: Sequence[Outcome], name: str) -> str:
    cells = [*map(words, floor_cells(outcomes, name)), "", "", ""]
    head = element("th", words(f"floor: {floor_name(name)}"), scope="row")
    return element("tr", head, *(element("td", cell) for cell in cells), class_="floor-row")


def _caption(metric: str) -> str:
    text = {
        "r2": "Linear R²: whether the factors are in the codes at all. A rotation of the factors gets 1.",
        "mcc_pearson": "MCC: whether each factor has a code of its own. A rotation is the floor to beat.",
    }
    return element("figcaption", words(text[metric]))
