"""Held-out loss against its optimum over the steps: the loss, and what it is above the optimum, on a log scale."""

import math
from collections.abc import Sequence

from contrica.report.numbers import short
from contrica.report.outcome import Outcome
from contrica.report.svg import Scale, element, figure, words

WIDTH, HEIGHT = 360.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 350.0, 26.0, 190.0

EARLY_SHARE = 0.1
"""The loss falls steeply in this share of the steps; where it started is cut off the picture."""

LEAST_GAP = 1e-6
"""Nats; gaps below cannot be drawn on a log scale, and float32 does not resolve them."""


def curves_of(outcome: Outcome) -> list[str]:
    """Draw the loss, and the gap where an optimum is known; nothing for fewer than two points."""
    if len(outcome.curve) < 2:
        return []
    best = outcome.curve_best
    figures = [loss_figure(outcome.name, outcome.curve, best, "optimum")]
    gaps = [] if best is None else [(step, loss - best) for step, loss in outcome.curve if loss - best > LEAST_GAP]
    return [*figures, _gap(outcome, gaps)] if len(gaps) >= 2 else figures


def loss_figure(name: str, curve: Sequence[tuple[int, float]], level: float | None, label: str) -> str:
    """Draw the loss over the steps, and a level with its label where one is known."""
    last = curve[-1][0]
    late = [loss for step, loss in curve if step > EARLY_SHARE * last]
    levels = [] if level is None else [level]
    up = Scale.around([*late, *levels], BOTTOM, TOP, margin=0.08)
    parts = [*axes(last, up, "held-out loss, nats")]
    for best in levels:
        # The label keeps clear of the line's end, where the curve comes down onto it.
        parts.append(element("line", class_="optimum", x1=LEFT, x2=RIGHT, y1=up(best), y2=up(best)))
        parts.append(
            element("text", words(f"{label} {short(best)}"), class_="optimum-label", x=LEFT + 6, y=up(best) - 5)
        )
    inside = [(step, loss) for step, loss in curve if loss <= up.high]
    parts.append(line(inside, last, up))
    return figure(WIDTH, HEIGHT, f"Held-out loss of {name} over the steps, against its {label}", *parts)


def _gap(outcome: Outcome, gaps: list[tuple[int, float]]) -> str:
    last = outcome.curve[-1][0]
    logs = [(step, math.log10(gap)) for step, gap in gaps]
    low, high = math.floor(min(log for _, log in logs)), math.ceil(max(log for _, log in logs))
    up = Scale(low, max(high, low + 1), BOTTOM, TOP)
    parts = [*axes(last, up, "above the optimum, nats (log scale)", decades=True), line(logs, last, up)]
    return figure(WIDTH, HEIGHT, f"Held-out loss of {outcome.name} above its optimum, on a log scale", *parts)


def axes(last: int, up: Scale, title: str, *, decades: bool = False) -> list[str]:
    """Return the grid, the ticks and the title of a curve over so many steps."""
    across = Scale(0.0, last, LEFT, RIGHT)
    parts = [element("text", words(title), class_="label", x=8.0, y=14.0)]
    levels = [float(power) for power in range(math.ceil(up.low), math.floor(up.high) + 1)] if decades else up.ticks()
    for level in levels:
        label = short(10.0**level) if decades else short(level)
        parts.append(element("line", class_="grid", x1=LEFT, x2=RIGHT, y1=up(level), y2=up(level)))
        parts.append(element("text", words(label), class_="tick", x=LEFT - 6, y=up(level) + 4, text_anchor="end"))
    for step in across.ticks():
        anchor = "end" if step > 0.95 * last else "middle"
        parts.append(
            element("text", words(f"{step:g}"), class_="tick", x=across(step), y=BOTTOM + 16, text_anchor=anchor)
        )
    parts.append(element("text", words("steps"), class_="tick", x=RIGHT, y=HEIGHT - 2, text_anchor="end"))
    return parts


def line(points: list[tuple[int, float]], last: int, up: Scale) -> str:
    """Return points joined by a line, a dot at each."""
    across = Scale(0.0, last, LEFT, RIGHT)
    places = [(across(step), up(level)) for step, level in points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = [element("circle", class_="point", cx=x, cy=y, r=2.2) for x, y in places]
    return element("g", element("path", class_="curve", d=path), *dots)
