"""Elements of SVG and HTML as strings, every text and attribute escaped, and the linear scale from data to drawing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

MOST_TICKS = 5
"""More labels than this run into each other on a telephone."""


def element(name: str, *children: str, **attributes: str | float | None) -> str:
    """Return ``<name attributes>children</name>``; children are markup, attribute values are escaped.

    ``class_`` stands for ``class``, ``_`` within a name for ``-``; numbers are rounded to hundredths; None is left out.

    >>> element("text", words("a < b"), class_="label", x=1.0, text_anchor="end")
    '<text class="label" x="1" text-anchor="end">a &lt; b</text>'
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{pairs}>{''.join(children)}</{name}>"


def words(text: object) -> str:
    """Return ``text`` as markup that shows exactly it."""
    return escape(str(text))


def figure(width: float, height: float, title: str, *children: str) -> str:
    """Return an ``<svg>`` that grows with its column and tells screen readers ``title``."""
    return element(
        "svg", *children, viewBox=f"0 0 {_value(width)} {_value(height)}", role="img", aria_label=title, class_="plot"
    )


def as_file(drawing: str, style: str) -> str:
    """Return a drawing of `figure` as a file of its own, with the style sheet inside."""
    opening, end, rest = drawing.partition(">")
    named = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg" style="background:var(--paper)"', 1)
    return f"{named}{end}<style>{style}</style>{rest}\n"


@dataclass(frozen=True)
class Scale:
    """The map of [low, high] onto [start, end], in units of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where ``value`` is drawn; values outside the range are drawn at its nearer end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round numbers within the range, at most ``MOST_TICKS``.

        >>> Scale(0, 1200, 0, 1).ticks()
        [0.0, 500.0, 1000.0]
        """
        raw = (self.high - self.low) / (MOST_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float, *, margin: float = 0.04) -> "Scale":
        """Return a scale that holds all ``values`` with some room; a single value gets a range of its own size."""
        found = list(values)
        low, high = min(found), max(found)
        room = margin * (high - low) or max(abs(high), 1.0) * 0.5
        return cls(low - room, high + room, start, end)


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(float(value), 2):g}"
