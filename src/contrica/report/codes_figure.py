"""Codes of test rows in the plane, each dot coloured by what is known of its row."""

import colorsys
from typing import Any

from contrica.report.recording_outcome import Picture
from contrica.report.svg import Scale, element, figure, words

SIDE = 240.0
LEFT, RIGHT, TOP, BOTTOM = 8.0, 232.0, 24.0, 232.0
KEY_LINE, KEYS_BESIDE = 15.0, 2

STEPS = 6
"""Shades along each side of a place, and quarters of these around a circle: dots of one shade are one path."""


def codes_figure(picture: Picture) -> str:
    """Draw the picture, with a key of its colours below."""
    across = Scale.around([x for x, _ in picture.points], LEFT, RIGHT)
    up = Scale.around([y for _, y in picture.points], BOTTOM, TOP)
    by_colour: dict[str, list[str]] = {}
    for (x, y), value in zip(picture.points, picture.values, strict=True):
        by_colour.setdefault(_colour(picture, value), []).append(f"M{across(x):.1f} {up(y):.1f}h0")
    dots = [element("path", class_="code-dots", d="".join(d), stroke=colour) for colour, d in by_colour.items()]
    keys = _keys(picture)
    lines = -(-len(keys) // KEYS_BESIDE)
    parts = []
    for number, (label, colour) in enumerate(keys):
        x, y = (
            LEFT + (RIGHT - LEFT) / KEYS_BESIDE * (number % KEYS_BESIDE),
            SIDE + KEY_LINE * (1 + number // KEYS_BESIDE),
        )
        parts.append(element("path", class_="code-dots", d=f"M{x + 4:.1f} {y - 4:.1f}h0", stroke=colour))
        parts.append(element("text", words(label), class_="tick", x=x + 12, y=y))
    return figure(
        SIDE,
        SIDE + KEY_LINE * (lines + 0.5),
        f"{picture.codes}, coloured by {picture.title}",
        element("text", words(f"{picture.codes}, by {picture.title}"), class_="label", x=LEFT, y=15.0),
        element("rect", class_="frame", x=LEFT, y=TOP, width=RIGHT - LEFT, height=BOTTOM - TOP),
        *dots,
        *parts,
    )


def _keys(picture: Picture) -> list[tuple[str, str]]:
    if picture.kind == "plane":
        corners = {
            "south-west": (0.0, 0.0),
            "south-east": (1.0, 0.0),
            "north-west": (0.0, 1.0),
            "north-east": (1.0, 1.0),
        }
        return [(name, _colour(picture, corner)) for name, corner in corners.items()]
    if picture.kind == "circle":
        return [(f"{degrees} degrees", _colour(picture, float(degrees))) for degrees in range(0, 360, 45)]
    present = set(picture.values)
    return [(name, _colour(picture, name)) for name in picture.names if name in present]


def _colour(picture: Picture, value: Any) -> str:
    if picture.kind == "plane":
        x, y = (round(min(max(part, 0.0), 1.0) * (STEPS - 1)) / (STEPS - 1) for part in value)
        return _hex(0.15 + 0.75 * x, 0.55 - 0.25 * y, 0.15 + 0.75 * y)
    if picture.kind == "circle":
        turn = round(value / 360.0 * 4 * STEPS) / (4 * STEPS) % 1.0
        return _hex(*colorsys.hls_to_rgb(turn, 0.5, 0.75))
    number = picture.names.index(value)
    lightness = (0.42, 0.62)[number % 2]
    return _hex(*colorsys.hls_to_rgb(number / len(picture.names), lightness, 0.75))


def _hex(*parts: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
