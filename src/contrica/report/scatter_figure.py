"""Recovered against true factors, one small square per factor; a recovered factor lies on the diagonal."""

from contrica.report.numbers import below_one, short
from contrica.report.outcome import Outcome
from contrica.report.svg import Scale, element, figure, words

SIDE = 170.0
LEFT, RIGHT, TOP, BOTTOM = 8.0, 162.0, 22.0, 154.0

MOST_FACTORS = 16
"""A page with more squares is scrolled, not read."""


def scatters_of(outcome: Outcome) -> list[str]:
    """Draw the factors of one outcome, the first ``MOST_FACTORS`` of them."""
    count = len(outcome.factors[0]) if outcome.factors else 0
    return [_square(outcome, factor) for factor in range(min(count, MOST_FACTORS))]


def _square(outcome: Outcome, factor: int) -> str:
    truth = [row[factor] for row in outcome.factors]
    found = [row[factor] for row in outcome.recovered]
    both = Scale.around([*truth, *found], 0.0, 1.0)
    across, up = Scale(both.low, both.high, LEFT, RIGHT), Scale(both.low, both.high, BOTTOM, TOP)
    has_own = factor < len(outcome.correlations)
    agreement = f"r = {below_one(outcome.correlations[factor])}" if has_own else ""
    dots = "".join(f"M{across(x):.1f} {up(y):.1f}h0" for x, y in zip(truth, found, strict=True))
    return figure(
        SIDE,
        SIDE,
        f"Factor {factor + 1} of {outcome.name}: recovered against true, {agreement}",
        element("text", words(f"factor {factor + 1}"), class_="label", x=LEFT, y=14.0),
        element("text", words(agreement), class_="value", x=RIGHT, y=14.0, text_anchor="end"),
        element("rect", class_="frame", x=LEFT, y=TOP, width=RIGHT - LEFT, height=BOTTOM - TOP),
        element("line", class_="optimum", x1=LEFT, y1=BOTTOM, x2=RIGHT, y2=TOP),
        element("path", class_="cloud", d=dots),
        element("text", words(short(both.low)), class_="tick", x=LEFT, y=SIDE - 4.0),
        element("text", words("true"), class_="tick", x=(LEFT + RIGHT) / 2, y=SIDE - 4.0, text_anchor="middle"),
        element("text", words(short(both.high)), class_="tick", x=RIGHT, y=SIDE - 4.0, text_anchor="end"),
    )
