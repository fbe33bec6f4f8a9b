"""The loss of each step's batch, the held-out loss, and the step whose parameters were kept."""

from collections.abc import Sequence
from itertools import pairwise

from contrica.report.curve_figure import BOTTOM, EARLY_SHARE, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes, line
from contrica.report.svg import Scale, element, figure, words

MOST_POINTS = 200
"""Batches are averaged in so many stretches of the training at most; single ones are noise."""


def training_figure(losses: Sequence[float], held_out: Sequence[tuple[int, float]], best_step: int) -> str:
    """Draw both over the steps; empty for fewer than two steps."""
    last = len(losses)
    if last < 2:
        return ""
    means = _means(losses)
    late = [loss for step, loss in (*means, *held_out) if step > EARLY_SHARE * last]
    across, up = Scale(0.0, last, LEFT, RIGHT), Scale.around(late, BOTTOM, TOP, margin=0.08)
    path = "M" + "L".join(f"{across(step):.1f} {up(loss):.1f}" for step, loss in means if loss <= up.high)
    parts = [*axes(last, up, "loss, nats"), element("path", class_="series series-5", d=path)]
    inside = [(step, loss) for step, loss in held_out if loss <= up.high]
    if inside:
        parts.append(line(inside, last, up))
        at = across(best_step)
        parts.append(element("line", class_="optimum", x1=at, x2=at, y1=TOP, y2=BOTTOM))
        anchor = "end" if best_step > last / 2 else "start"
        beside = at + (-5 if anchor == "end" else 5)
        parts.append(element("text", words("kept"), class_="optimum-label", x=beside, y=TOP + 8, text_anchor=anchor))
    return figure(WIDTH, HEIGHT, "Loss of training and of held-out pairs over the steps", *parts)


def _means(losses: Sequence[float]) -> list[tuple[int, float]]:
    count = min(MOST_POINTS, len(losses))
    edges = [round(number * len(losses) / count) for number in range(count + 1)]
    return [(end, sum(losses[start:end]) / (end - start)) for start, end in pairwise(edges)]
