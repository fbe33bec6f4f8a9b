"""Whether the axes are certain: the held-out loss after turning two codes against each other.

    gap(k, l, angle) = min over c of L(codes k and l turned by the angle and scaled by c) - the same at 0 degrees

in units of the fitted noise, for each two codes at 5, 15 and 45 degrees either way. At the optimum of a sum of |t|^p
with p != 2 every gap is positive: for Laplace noise about .004 nats at 5 degrees and .08 at 45. It is 0 where nothing
tells these axes from any other, and negative at 45 degrees where p lies on the wrong side of 2, for the plane with the
l_1 distance is the plane with the largest-coordinate distance, turned by 45 degrees. Small turns are found by the slope
at 0 degrees, as a missing term of the logit.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from scipy.optimize import minimize_scalar
from torch import Tensor

from contrica.diagnosis.check import LEVEL, ONE_SIDED, Check, Quantity, Verdict
from contrica.diagnosis.choice_loss import Contribution, contribution, mean_and_error
from contrica.diagnosis.factors import power_scales
from contrica.diagnosis.held_out import Block, HeldOut
from contrica.diagnosis.missing_terms import BlockScores, choice, collected, scores_of
from contrica.diagnosis.saturation import too_saturated
from contrica.dissimilarities import SphereDot

ANGLES = (5.0, -5.0, 15.0, -15.0, 45.0)
"""Degrees. Turns by 45 and by -45 degrees differ by a quarter turn, which only exchanges the two codes."""

FARTHEST = ANGLES[-1]

FLAT = 0.005
"""Nats at 45 degrees below which axes are arbitrary: exponents of 1.5 and 3 have .015 and .027 there."""


LEAST_TURN = 2.0
"""Degrees of a turn that is called one, if it is sure to be larger: .035 of one factor in the other's code. To first
order large turns are underrated, 10 degrees of Laplace noise by half."""

MOST_TURN = 5.0
"""Degrees that a turn is sure to be below where axes are called certain: a correlation of .996 with the factor."""


@dataclass(frozen=True)
class _Plane:
    """Two codes; the gap in nats at each angle and its error; the turn in degrees that fits best and its error."""

    codes: tuple[int, int]
    gaps: np.ndarray
    errors: np.ndarray
    turn: float
    turn_error: float

    @property
    def name(self) -> str:
        return f"codes {self.codes[0]} and {self.codes[1]}"

    def measured(self) -> tuple[Quantity, ...]:
        gaps = [
            Quantity(f"loss of {self.name} turned by {angle:g} degrees, nats", float(gap), float(error))
            for angle, gap, error in zip(ANGLES, self.gaps, self.errors, strict=True)
        ]
        known = bool(np.isfinite(self.turn_error))
        found = (self.turn, self.turn_error) if known else (None, None)
        return (*gaps, Quantity(f"turn by which {self.name} fit best, to first order, degrees", *found))


def check_rotation(held_out: HeldOut) -> Check:
    """Turn each two codes against each other and see what the held-out loss says."""
    expected = f"losses that rise at every angle, by more than {FLAT:g} nats at 45 degrees"
    if held_out.code_dim < 2:
        return Check("axes", (), expected, Verdict.FINE, "a single code is its own axis")
    planes = [_turned(held_out, k, m) for k in range(held_out.code_dim) for m in range(k + 1, held_out.code_dim)]
    bound = float(stats.norm.isf(LEVEL / (2 * len(planes) * (len(ANGLES) + 1))))
    plane, verdict, sentence, advice = _finding(planes, bound, saturated=too_saturated(held_out))
    return Check("axes", plane.measured(), expected, verdict, sentence, advice)


def _finding(planes: list[_Plane], bound: float, *, saturated: bool) -> tuple[_Plane, Verdict, str, str]:
    """Return the plane that decides, the verdict, and both sentences."""
    better = min(planes, key=lambda plane: float((plane.gaps + bound * plane.errors).min()))
    which = int((better.gaps + bound * better.errors).argmin())
    turned = max(planes, key=lambda plane: abs(plane.turn) - bound * plane.turn_error)
    weakest = min(planes, key=lambda plane: float(plane.gaps[-1]))
    gap, error = float(weakest.gaps[-1]), float(weakest.errors[-1])
    if better.gaps[which] + bound * better.errors[which] < 0 and ANGLES[which] == FARTHEST:
        sentence = (
            f"{better.name} fit better turned by 45 degrees: an exponent on the wrong side of 2 prefers mixed axes"
        )
        advice = "compare the held-out loss with an exponent on the other side of 2; if it is higher, train anew"
        return better, Verdict.LOOK, sentence, advice
    if abs(turned.turn) - bound * turned.turn_error > LEAST_TURN:
        sentence = f"{turned.name} fit better turned by some {turned.turn:.0f} degrees: the axes are not there yet"
        advice = "train longer with a falling learning rate, or turn the codes to the axes of pair differences"
        return turned, Verdict.LOOK, sentence, advice
    if gap + bound * error < FLAT and not saturated:
        sentence = (
            f"nothing holds the axes of {weakest.name}: turning them by 45 degrees costs {max(gap, 0.0):.4f} nats"
        )
        advice = "read such codes together, find axes by resolve_axes, or use an exponent other than 2"
        return weakest, Verdict.LOOK, sentence, advice
    unsure = [plane for plane in planes if not plane.turn_error * ONE_SIDED + abs(plane.turn) < MOST_TURN]
    if gap - ONE_SIDED * error > FLAT and not unsure:
        sentence = f"the pairs hold the axes: turning any two codes by 45 degrees costs {gap:.3f} nats or more"
        return weakest, Verdict.FINE, sentence, ""
    plane = unsure[0] if unsure else weakest
    return (
        plane,
        Verdict.CANNOT_TELL,
        f"these rows leave open what holds the axes of {plane.name}",
        "hold out more pairs",
    )


def _turned(held_out: HeldOut, k: int, m: int) -> _Plane:
    still = _contributions(held_out, k, m, 0.0)
    found = []
    for angle in ANGLES:
        turned = _contributions(held_out, k, m, angle)
        differences = [one.minus(other) for one, other in zip(turned, still, strict=True)]
        found.append(mean_and_error(held_out, differences, held_out.blocks))
    gaps, errors = np.array(found).T
    slope = collected(held_out, (_slope(held_out, block, k, m) for block in held_out.blocks))
    turn, turn_error = (math.degrees(float(values[0])) for values in (slope.steps, slope.step_errors))
    return _Plane((k, m), gaps, errors, turn, turn_error)


def _slope(held_out: HeldOut, block: Block, k: int, m: int) -> BlockScores:
    """Return the scores of the derivative of the logits by the angle, in nats per radian."""
    ahead, behind = (_logits(held_out, block, k, m, degrees, 1.0) for degrees in (SMALL_TURN, -SMALL_TURN))
    step = 2 * math.radians(SMALL_TURN)
    positive, others = ((one - other) / step for one, other in zip(ahead, behind, strict=True))
    return scores_of(block, choice(block), positive[:, None], others.nan_to_num(0.0)[:, :, None])


SMALL_TURN = 0.5
"""Degrees over which the slope is taken; kinks of p = 1 within it concern one pair in a hundred."""


def _contributions(held_out: HeldOut, k: int, m: int, angle: float) -> list[Contribution]:
    """Return what each row and candidate contributes to the loss of turned codes at the best scale."""
    first = held_out.blocks[:1]

    def loss(log_scale: float) -> float:
        parts = [contribution(*_logits(held_out, block, k, m, angle, math.exp(log_scale))) for block in first]
        return float(torch.cat([part.rows for part in parts]).mean())

    scale = 1.0
    if not isinstance(held_out.dissimilarity, SphereDot):  # codes of length 1 have no scale
        scale = math.exp(minimize_scalar(loss, bounds=SCALES, method="bounded", options={"xatol": 0.01}).x)
    return [contribution(*_logits(held_out, block, k, m, angle, scale)) for block in held_out.blocks]


SCALES = (math.log(0.25), math.log(4.0))
"""Bounds of the logarithm of c. Turning Laplace noise by 45 degrees asks for a scale of .8 or so."""


def _logits(held_out: HeldOut, block: Block, k: int, m: int, angle: float, scale: float) -> tuple[Tensor, Tensor]:
    anchors, positives, others = held_out.anchors, held_out.positives, held_out.others
    left, own, right = (
        _turn(codes, held_out, k, m, angle, scale)
        for codes in (anchors.codes[block.rows], positives.codes[block.rows], others.codes[block.columns])
    )
    offsets = anchors.offsets[block.rows]
    positive = -(held_out.dissimilarity(left, own) + offsets + positives.offsets[block.rows]).double()
    apart = held_out.dissimilarity(left[:, None], right[None])
    logits = -(apart + offsets[:, None] + others.offsets[block.columns]).double()
    return positive, logits.masked_fill(~block.admissible, -torch.inf)


def _turn(codes: Tensor, held_out: HeldOut, k: int, m: int, angle: float, scale: float) -> Tensor:
    widths = power_scales(held_out.dissimilarity, held_out.code_dim)
    units = (1.0, 1.0) if widths is None else (widths[k][1], widths[m][1])
    cosine, sine = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    first, second = codes[:, k] / units[0], codes[:, m] / units[1]
    turned = codes.clone()
    turned[:, k] = units[0] * (cosine * first - sine * second)
    turned[:, m] = units[1] * (sine * first + cosine * second)
    return turned
