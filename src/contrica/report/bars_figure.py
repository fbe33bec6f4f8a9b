"""Horizontal bars from zero, one under the other: a name, a bar, and what is said of its length."""

from collections.abc import Sequence
from dataclasses import dataclass

from contrica.report.svg import Scale, element, figure, words

WIDTH = 460.0
LEFT, RIGHT, TOP = 96.0, 350.0, 26.0
STEP, THICK = 20.0, 12.0


@dataclass(frozen=True)
class Bar:
    """A length of at least zero, its standard error if there is one, and the text beside it."""

    name: str
    length: float
    says: str
    error: float | None = None


@dataclass(frozen=True)
class Level:
    """A length that all bars are read against, and what it is."""

    length: float
    says: str


def bars_figure(title: str, bars: Sequence[Bar], level: Level | None = None) -> str:
    """Draw the bars, the longest of them, or the level, as long as there is room."""
    ends = [max(bar.length, 0.0) for bar in bars] + ([] if level is None else [level.length])
    across = Scale(0.0, max(*ends, 1e-12), LEFT, RIGHT)
    top = 6.0 if level is None else TOP
    bottom = top + STEP * len(bars)
    parts = [element("line", class_="rail", x1=LEFT, x2=LEFT, y1=top, y2=bottom)]
    for number, bar in enumerate(bars):
        middle = top + STEP * (number + 0.5)
        end = across(max(bar.length, 0.0))
        parts.append(element("text", words(bar.name), class_="tick", x=LEFT - 8, y=middle + 4, text_anchor="end"))
        parts.append(element("rect", class_="point", x=LEFT, y=middle - THICK / 2, width=end - LEFT, height=THICK))
        if bar.error is not None:
            low, high = (across(max(bar.length + sign * bar.error, 0.0)) for sign in (-1, 1))
            parts.append(element("line", class_="error-bar", x1=low, x2=high, y1=middle, y2=middle))
        parts.append(element("text", words(bar.says), class_="label", x=RIGHT + 10, y=middle + 4))
    if level is not None:
        at = across(level.length)
        parts.append(element("line", class_="optimum", x1=at, x2=at, y1=top - 4, y2=bottom))
        parts.append(element("text", words(level.says), class_="optimum-label", x=at, y=top - 9, text_anchor="end"))
    return figure(WIDTH, bottom + 6, title, *parts)
