"""Everything about one experiment: scores with floors, recovered factors, photograph, loss, guarantee, settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from contrica.report.curve_figure import curves_of
from contrica.report.numbers import below_one, fixed, seconds
from contrica.report.outcome import Outcome
from contrica.report.photograph_figure import SHOWN_POSITIONS, photograph_of
from contrica.report.scatter_figure import scatters_of
from contrica.report.scores_figure import legend, scores_of
from contrica.report.svg import element, words
from contrica.report.table import floor_name
from contrica.report.verdict import Verdict

FEW_FACTORS = 3
"""Up to here the squares fit beside each other in their largest size."""


def details(outcome: Outcome, *, level: str = "h2") -> str:
    """Return the sections of one outcome, headed at ``level``."""
    sections = {
        "Scores": _scores(outcome),
        "Where the camera was": _photograph(outcome),
        "True and recovered factors": _factors(outcome),
        "Dissimilarity from the pairs": "" if outcome.selection is None else element("p", words(outcome.selection)),
        "Axes by a second stage": _second_stage(outcome),
        "Loss against its optimum": _loss(outcome),
        "What the theory promises": _guarantee(outcome),
        "Settings": described(flat(outcome.settings)),
    }
    return "".join(element(level, words(title)) + markup for title, markup in sections.items() if markup)


def stated(judged: Verdict) -> str:
    """Return a verdict as a marked paragraph."""
    head, mark, rest = judged.sentence.partition(":")
    parts = [element("p", element("strong", words(head)), words(mark + rest))]
    if judged.reason:
        parts.append(element("p", words(judged.reason)))
    return element("div", *parts, class_=f"verdict {judged.kind.name.lower()}")


def described(pairs: Mapping[str, str]) -> str:
    """Return names and values as a list."""
    rows = [element("dt", words(name)) + element("dd", words(value)) for name, value in pairs.items()]
    return element("dl", *rows)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as one level of readable names and values.

    >>> flat({"training": {"batch_size": 512, "betas": [0.9, 0.99]}, "loss": {"type": "InfoNCE"}})
    {'training, batch size': '512', 'training, betas': '0.9, 0.99', 'loss, type': 'InfoNCE'}
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        path = f"{prefix}, {_spaced(name)}" if prefix else _spaced(name)
        if isinstance(value, dict):
            found |= flat(value, path)
        elif isinstance(value, list):
            found[path] = ", ".join(map(_said, value)) or "none"
        else:
            found[path] = _said(value)
    return found


def _scores(outcome: Outcome) -> str:
    notes = {floor_name(name): floor for name, floor in outcome.floors.items()}
    missing = [f"{name}: not available, {floor.note}" for name, floor in notes.items() if not floor.values]
    remarks = [f"{name}: {floor.note}" for name, floor in notes.items() if floor.values and floor.note]
    caption = (
        f"Scored on {outcome.scored_rows} held-out rows that no map or matching was fitted on."
        " Linear R² is blind to rotations; MCC has to be read beside the rotated factors, which score far above 0."
    )
    return element(
        "figure",
        element("div", scores_of(outcome), class_="single"),
        legend([outcome]),
        element("figcaption", words(caption), *("<br>" + words(f"Floor {text}.") for text in missing + remarks)),
    )


def _photograph(outcome: Outcome) -> str:
    if outcome.window is None:
        return ""
    drawn = photograph_of(outcome)
    if not drawn:
        text = f"{outcome.window.image} cannot be shown here: install contrica[images] and make the report again."
        return element("p", words(text), class_="note")
    caption = (
        f"Centres of {min(SHOWN_POSITIONS, len(outcome.factors))} held-out windows: a dot where the camera truly was,"
        " a line from there to the position recovered from the pixels alone, after the best map within what is left"
        f" open. Short lines are good. The dashed square is the first window, {outcome.window.side} pixels wide."
    )
    return element("figure", drawn, element("figcaption", words(caption)), class_="photograph")


def _factors(outcome: Outcome) -> str:
    squares = scatters_of(outcome)
    caption = (
        f"{len(outcome.factors)} held-out rows, the true factor across, the recovered one up; the diagonal is perfect."
    )
    if len(squares) < len(outcome.correlations):
        caption += f" The first {len(squares)} of {len(outcome.correlations)} factors."
    return element(
        "figure", element("div", *squares, class_=_grid(len(squares))), element("figcaption", words(caption))
    )


def _second_stage(outcome: Outcome) -> str:
    found = outcome.second_stage
    if found is None:
        return ""
    if found.mcc is None:
        said = "No axes are claimed: nothing in the codes identifies them."
    else:
        said = f"Along these axes each factor has a code of its own with MCC {below_one(found.mcc.value)}, held out."
    return element("p", words(said)) + element("pre", words(found.text))


def _grid(count: int) -> str:
    return "squares few" if count <= FEW_FACTORS else "squares"


def _loss(outcome: Outcome) -> str:
    said = [f"The held-out loss ends at {fixed(outcome.loss)} nats."]
    if outcome.best is not None and outcome.gap is not None:
        said.append(
            f"The least it can be on average is {fixed(outcome.best)};"
            f" on the same pairs the codes are {fixed(outcome.gap)} nats above the optimum."
        )
    if outcome.mutual_information is not None:
        shared = fixed(outcome.mutual_information, 2)
        drawn = "" if outcome.information_error is None else f", give or take {fixed(outcome.information_error, 2)}"
        said.append(f"The two views of a pair share {shared} nats of information{drawn}.")
    if outcome.mutual_information is not None and outcome.log_batch is not None:
        enough = outcome.log_batch >= outcome.mutual_information
        said.append(
            f"A batch can tell apart about {fixed(outcome.log_batch, 2)} nats,"
            f" {'which is enough.' if enough else 'which is less: most of its negatives are too easy.'}"
        )
    if outcome.calibration is not None:
        said.append(
            f"By their codes, pairs differ {fixed(outcome.calibration, 2)} times as much as by their factors;"
            " with the right scale it is 1."
        )
    said.append(f"Training took {seconds(outcome.seconds)}.")
    curves = element("div", *(element("figure", curve) for curve in curves_of(outcome)), class_="pair")
    return curves + element("p", words(" ".join(said)))


def _guarantee(outcome: Outcome) -> str:
    lead = [] if outcome.promise.holds else [element("p", words("Nothing: no theorem applies to this experiment."))]
    paragraphs: list[str] = []
    conditions: list[str] = []
    for line in outcome.promise.text.splitlines():
        if line.lstrip().startswith("- "):
            conditions.append(element("li", words(line.lstrip()[2:])))
            continue
        if conditions:
            paragraphs.append(element("ul", *conditions))
            conditions = []
        if line.strip():
            paragraphs.append(element("p", words(line.strip())))
    condition = outcome.condition_number
    closing = (
        []
        if condition is None
        else [element("p", words(f"The mixing's condition number is {fixed(condition, 1)}."), class_="note")]
    )
    return "".join([*lead, *paragraphs, *([element("ul", *conditions)] if conditions else []), *closing])


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "(" + _joined(value) + ")"
    return "none" if value is None else str(value)


def _joined(values: Iterable[object]) -> str:
    return ", ".join(map(_said, values))
