"""Curves across experiments: measured points with their range over seeds, and predictions as dashed lines."""

import math
from collections.abc import Callable, Sequence

from contrica.report.charts import Curves
from contrica.report.numbers import short
from contrica.report.numbers_of import NUMBERS, Numbers
from contrica.report.outcome import Measured
from contrica.report.over_seeds import spread
from contrica.report.svg import Scale, element, figure, words

WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 408.0, 26.0, 216.0

MOST_TICKS = 8
"""Places that were measured are labelled, up to so many."""

KEY = 17.0
"""Height of a line of the legend."""

SHARES = ("r2", "mcc", "smallest_matched", "r2_in_sample", "mcc_in_sample", "leakage")
"""Numbers that are drawn on a scale that ends at 1."""

Points = list[tuple[float, Measured]]


def curves_figure(chart: Curves, numbers: Numbers) -> str:
    """Draw the chart; nothing where none of its experiments has the number."""
    lines = {line.label: _points(line.points, chart.number, numbers) for line in chart.lines}
    lines = {label: points for label, points in lines.items() if points}
    if not lines:
        return ""
    measured = [point for points in lines.values() for point in points]
    predicted = [point for line in chart.predictions for point in line.points]
    place: Callable[[float], float] = math.log10 if chart.log_across else float
    across = Scale.around([place(x) for x, *_ in (*measured, *predicted)], LEFT, RIGHT)
    levels = [level for _, value in measured for level in (value.low, value.high, value.value) if level is not None]
    levels += [level for _, level in predicted]
    up = Scale.around(levels, BOTTOM, TOP, margin=0.06)
    if chart.number in SHARES and max(levels) <= 1.0:
        up = Scale(min(up.low, 0.98), 1.0, BOTTOM, TOP)
    label = NUMBERS[chart.number][0]
    parts = [element("text", words(label), class_="label", x=8.0, y=14.0), *_grid(up)]
    parts += _places(sorted({x for x, _ in measured}), across, place)
    parts.append(element("text", words(chart.across), class_="tick", x=RIGHT, y=BOTTOM + 32, text_anchor="end"))
    for line in chart.predictions:
        path = _path([(across(place(x)), up(y)) for x, y in line.points])
        parts.append(element("path", element("title", words(line.label)), class_="optimum", d=path, fill="none"))
    for number, points in enumerate(lines.values()):
        parts.append(_drawn(points, across, up, place, f"series-{number % 6}"))
    keys = _keys(list(lines), [line.label for line in chart.predictions])
    height = HEIGHT + KEY * (len(lines) + len(chart.predictions))
    return figure(WIDTH, height, f"{chart.title}: {label} against {chart.across}", *parts, *keys)


def _points(wanted: Sequence[tuple[float, str]], number: str, numbers: Numbers) -> Points:
    found = [(x, numbers.get(name, {}).get(number, ())) for x, name in wanted]
    return [(x, spread(values)) for x, values in found if values]


def _grid(up: Scale) -> list[str]:
    parts = []
    for level in up.ticks():
        parts.append(element("line", class_="grid", x1=LEFT, x2=RIGHT, y1=up(level), y2=up(level)))
        parts.append(
            element("text", words(short(level)), class_="tick", x=LEFT - 6, y=up(level) + 4, text_anchor="end")
        )
    return parts


def _places(found: Sequence[float], across: Scale, place: Callable[[float], float]) -> list[str]:
    step = math.ceil(len(found) / MOST_TICKS)
    return [
        element("text", words(short(x)), class_="tick", x=across(place(x)), y=BOTTOM + 16, text_anchor="middle")
        for x in found[::step]
    ]


def _drawn(points: Points, across: Scale, up: Scale, place: Callable[[float], float], series: str) -> str:
    places = [(across(place(x)), up(value.value)) for x, value in points]
    parts = [element("path", class_="series", d=_path(places))]
    for (x, y), (_, value) in zip(places, points, strict=True):
        if value.low is not None and value.high is not None and value.low < value.high:
            parts.append(element("line", class_="range", x1=x, x2=x, y1=up(value.low), y2=up(value.high)))
        parts.append(element("circle", element("title", words(f"{value.value:.4f}")), class_="dot", cx=x, cy=y, r=3.0))
    return element("g", *parts, class_=series)


def _keys(lines: Sequence[str], predictions: Sequence[str]) -> list[str]:
    parts = []
    for number, label in enumerate((*lines, *predictions)):
        y = HEIGHT + KEY * number
        mark = (
            element("g", element("circle", class_="dot", cx=LEFT + 8, cy=y - 4, r=3.0), class_=f"series-{number % 6}")
            if number < len(lines)
            else element("line", class_="optimum", x1=LEFT, x2=LEFT + 16, y1=y - 4, y2=y - 4)
        )
        parts += [mark, element("text", words(label), class_="label", x=LEFT + 24, y=y)]
    return parts


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
