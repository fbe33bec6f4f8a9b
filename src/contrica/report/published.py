"""Published values beside ours: the same score by the same protocol, the difference, and the score on held-out rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from contrica.errors import RecordError
from contrica.report.numbers import DASH, fixed
from contrica.report.numbers_of import Numbers
from contrica.report.over_seeds import spread
from contrica.report.svg import element, words
from contrica.report.table import line

HEADINGS = (
    "experiment",
    "score",
    "published, %",
    "ours, same rows fitted and scored, %",
    "difference",
    "ours, held out, %",
    "after the second stage, %",
    "processor s",
)

SCORES = {"r2": "linear R²", "mcc": "MCC"}


@dataclass(frozen=True)
class PublishedValue:
    """A number from a paper.

    Parameters
    ----------
    experiment : str
        The name of ours that it is set beside.
    score : "r2" or "mcc"
    value, spread : float
        In percent, with the standard deviation over the paper's seeds.
    source : str
        Paper and table.
    """

    experiment: str
    score: str
    value: float
    spread: float
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave.

        Raises
        ------
        RecordError
            If a part is missing or of another kind.
        """
        try:
            if found["score"] not in SCORES:
                raise ValueError(f"score {found['score']!r}")
            return cls(
                str(found["experiment"]),
                found["score"],
                float(found["value"]),
                float(found["spread"]),
                str(found["source"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RecordError(
                f"the record is damaged: a published value cannot be read ({error}); run again"
            ) from error


def published_rows(published: Iterable[PublishedValue], numbers: Numbers) -> list[tuple[str, ...]]:
    """Return the cells below ``HEADINGS``, a row per published value whose experiment was run."""
    return [_row(value, numbers[value.experiment]) for value in published if value.experiment in numbers]


def published_table(published: Sequence[PublishedValue], numbers: Numbers) -> str:
    """Return the markdown table, empty where nothing published was run."""
    rows = published_rows(published, numbers)
    if not rows:
        return ""
    rule = ("---", "---", *["---:"] * (len(HEADINGS) - 2))
    return "".join(line(cells) + "\n" for cells in (HEADINGS, rule, *rows))


def published_section(published: Sequence[PublishedValue], numbers: Numbers) -> str:
    """Return the section of the page, empty where nothing published was run."""
    rows = published_rows(published, numbers)
    if not rows:
        return ""
    head = element("thead", element("tr", *(element("th", words(title), scope="col") for title in HEADINGS)))
    body = element(
        "tbody",
        *(
            element("tr", element("th", words(row[0]), scope="row"), *(element("td", words(cell)) for cell in row[1:]))
            for row in rows
        ),
    )
    sources = "; ".join(dict.fromkeys(value.source for value in published if value.experiment in numbers))
    note = (
        f"Published: {sources}. Papers fit and score the same rows, which flatters; both are shown. Of several seeds"
        " the middle one, with the least and the greatest in brackets."
    )
    table = element("table", head, body, class_="beside")
    region = element("div", table, class_="wide", tabindex="0", role="region", aria_label=note)
    return element("h2", words("Beside published values")) + element("p", words(note), class_="note") + region


def _row(value: PublishedValue, numbers: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    in_sample, held_out = (numbers.get(kind, ()) for kind in (f"{value.score}_in_sample", value.score))
    difference = 100.0 * spread(in_sample).value - value.value if in_sample else None
    sign = "" if difference is None or difference < 0 else "+"
    return (
        value.experiment,
        SCORES[value.score],
        f"{value.value:.2f} ± {value.spread:.2f}",
        percent(in_sample),
        sign + fixed(difference, 2),
        percent(held_out),
        percent(numbers.get("mcc_second_stage", ()), seeds=len(held_out)) if value.score == "mcc" else "",
        middle(numbers.get("processor_seconds", ())),
    )


def percent(values: Sequence[float], *, seeds: int = 0) -> str:
    """Return the middle in percent and, of several values, the least and the greatest; see `middle`.

    >>> percent([0.998]), percent([0.99, 0.995, 1.0])
    ('99.80', '99.50 [99.00, 100.00]')
    """
    return middle([100.0 * value for value in values], 2, seeds=seeds)


def middle(values: Sequence[float], digits: int = 0, *, seeds: int = 0) -> str:
    """Return the middle and, of several values, the least and the greatest.

    Of more ``seeds`` than values, some have none, as where axes were refused: it is said of how many the values are.
    """
    if not values:
        return DASH
    found = spread(values)
    ends = f" [{fixed(found.low, digits)}, {fixed(found.high, digits)}]" if len(values) > 1 else ""
    return fixed(found.value, digits) + ends + (f", {len(values)} of {seeds} seeds" if len(values) < seeds else "")
