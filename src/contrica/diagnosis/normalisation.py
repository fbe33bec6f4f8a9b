"""Whether the logits are log density ratios in level too: a ratio has mean 1 over independent pairs.

    E_-[exp(s)] = 1,     E_+[exp(-s)] = 1,     and both hold around every x and every x~

The two means are carried by few pairs, the first by the closest of independent ones, the second by the farthest of
positives, and fall short of 1 where no such pair was drawn. So the verdict rests on the level and on location terms
as missing terms of the logit, whose sums are bounded; the means are reported beside it. InfoNCE leaves a function of
the side that chooses free, the log forms and symmetric InfoNCE leave a constant; it is refitted first. (Bennett 1976
for the level.)
"""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from contrica.diagnosis.check import Check, Quantity, Verdict, judge
from contrica.diagnosis.held_out import Block, HeldOut
from contrica.diagnosis.missing_terms import BlockScores, Posterior, choice, collected, scores_of, yes_or_no
from contrica.losses import NWJ, SCL, InfoNCE

TOLERANCE = 0.1
"""``g / sqrt(J)`` of a term that could gain 5e-3 nats, the least difference by which axes are told from a rotation by
a few degrees; a level that is off by .1 nats where nothing is saturated."""

FEWEST_CARRIERS = 100.0
"""Effective number of pairs below which a mean is left out: its standard error is itself not to be trusted."""


def check_normalisation(held_out: HeldOut) -> Check:
    """Compare the level of the logits with that of log density ratios."""
    left_free = _left_free(held_out)
    level = 0.0 if left_free == "row" else _level(held_out)
    terms = collected(held_out, _scores(held_out, left_free, level))
    names = _names(held_out, left_free)
    steps, sizes = terms.steps, terms.sizes
    if left_free is None:
        steps[0], sizes[0] = -level, -level * float(np.sqrt(terms.information[0]))
    expected = "no level and no function of one observation is missing from the logits; ratios have mean 1"
    found = np.isfinite(terms.step_errors)
    worst = int(np.argmax(np.abs(sizes)))
    measured = [Quantity("level of the logits above log ratios, nats", level, _finite(terms.step_errors[0]))]
    measured = [] if left_free else measured
    measured.append(
        Quantity(
            f"missing from the logit: {names[worst]}, nats per unit",
            float(steps[worst]) if found[worst] else None,
            _finite(terms.step_errors[worst]),
        )
    )
    measured += [] if left_free == "row" else _means(held_out, level)
    verdict = judge(sizes, terms.size_errors, TOLERANCE) if found.all() else Verdict.CANNOT_TELL
    if verdict is Verdict.FINE:
        sentence = "no level and no offset is missing from the log odds of a pair"
    elif verdict is Verdict.CANNOT_TELL:
        sentence = "these rows leave open whether a level or an offset is missing from the log odds of a pair"
    elif names[worst] == LEVEL_NAME:
        sentence = f"the logits are off by {level:+.2f} nats everywhere, so ratios and information cannot be read off"
    else:
        sentence = f"the logits lack an offset that depends on {names[worst]}, so codes are stretched to make up for it"
    return Check("normalisation", tuple(measured), expected, verdict, sentence, _advice(verdict, names[worst]))


LEVEL_NAME = "a constant"


def _advice(verdict: Verdict, name: str) -> str:
    if verdict is Verdict.CANNOT_TELL:
        return "hold out more pairs"
    if verdict is Verdict.FINE:
        return ""
    if name == LEVEL_NAME:
        return "give the critic a bias (bias=True) and both offsets, and train until the loss stands still"
    side = "an anchor_offset" if "anchor" in name else "a candidate_offset"
    return f"give the critic {side}, or a wider one, and train it longer"


def _finite(error: float) -> float | None:
    return float(error) if np.isfinite(error) else None


def _left_free(held_out: HeldOut) -> str | None:
    """Return what the loss leaves free: "row", "level" or nothing."""
    loss = held_out.loss
    if isinstance(loss, InfoNCE):
        return "level" if loss.direction == "symmetric" else "row"
    return "level" if isinstance(loss, NWJ | SCL) and loss.log_form else None


def _names(held_out: HeldOut, left_free: str | None) -> list[str]:
    swapped = isinstance(held_out.loss, InfoNCE) and held_out.loss.direction == "columns"
    first, second = ("candidate", "anchor") if swapped else ("anchor", "candidate")
    sides = [second] if left_free == "row" else [first, second]
    names = [
        f"{where} code {code}{power}"
        for where in sides
        for power in ("", " squared")
        for code in range(held_out.code_dim)
    ]
    return names if left_free else [LEVEL_NAME, *names]


def _scores(held_out: HeldOut, left_free: str | None, level: float) -> Iterator[BlockScores]:
    rows, others, positives = (
        _location(side.codes, held_out) for side in (held_out.anchors, held_out.others, held_out.positives)
    )
    for block in held_out.blocks:
        apart = others[block.columns][None].expand(len(block.rows), -1, -1)
        own = positives[block.rows]
        if left_free == "row":
            yield scores_of(block, choice(block), own, apart)
            continue
        here = rows[block.rows]
        parts = [] if left_free else [torch.ones(len(here), 1, dtype=here.dtype)]
        positive = torch.cat((*parts, here, own), 1)
        beside = torch.cat([*parts, here], 1)[:, None].expand(-1, apart.shape[1], -1)
        yield scores_of(block, _levelled(block, level), positive, torch.cat((beside, apart), 2))


def _levelled(block: Block, level: float) -> Posterior:
    return yes_or_no(Block(block.rows, block.columns, block.positive_logits - level, block.other_logits - level))


def _location(codes: Tensor, held_out: HeldOut) -> Tensor:
    """Return codes in units of their spread and their squares, both of mean 0."""
    reference = held_out.anchors.codes.double()
    values = (codes.double() - reference.mean(0)) / reference.std(0).clamp_min(torch.finfo(codes.dtype).tiny)
    return torch.cat((values, values.square() - 1.0), 1)


def _level(held_out: HeldOut) -> float:
    """Return the constant that balances positives and others, which falls as the level is raised."""

    def balance(level: float) -> float:
        posteriors = [_levelled(block, level) for block in held_out.blocks]
        return sum(float((1.0 - each.positive).sum() - each.others.sum()) for each in posteriors)

    return float(brentq(balance, -MOST_NATS, MOST_NATS, xtol=1e-6))


MOST_NATS = 1e6
"""No level is beyond: logits of this size are no longer told apart in float32."""


def _means(held_out: HeldOut, level: float) -> list[Quantity]:
    """Return the mean ratio of independent pairs and the mean inverse ratio of positive ones."""
    by_unit = np.zeros(int(held_out.units.max()) + 1)
    units = held_out.units.numpy()
    pairs = 0
    for block in held_out.blocks:
        ratios = (block.other_logits - level).exp().clamp_max(LARGEST_RATIO)
        np.add.at(by_unit, units[block.rows.numpy()], ratios.sum(1).numpy())
        if held_out.shares_rows:
            np.add.at(by_unit, units[block.columns.numpy()], ratios.sum(0).numpy())
        pairs += int(block.admissible.sum())
    sides = 2 if held_out.shares_rows else 1
    inverse = torch.cat([(level - block.positive_logits).exp().clamp_max(LARGEST_RATIO) for block in held_out.blocks])
    order = torch.cat([block.rows for block in held_out.blocks]).numpy()
    inverse_by_unit = np.bincount(units[order], weights=inverse.numpy())
    return [
        _mean("mean ratio of independent pairs", by_unit, pairs * sides, sides),
        _mean("mean inverse ratio of positive pairs", inverse_by_unit, held_out.num_pairs, 1),
    ]


LARGEST_RATIO = 1e150
"""Sums of squares of larger ratios could overflow; such a mean is not reported anyway."""


def _mean(name: str, by_unit: np.ndarray, count: int, sides: int) -> Quantity:
    total = by_unit.sum()
    if total <= 0 or total**2 / (by_unit**2).sum() < FEWEST_CARRIERS:
        return Quantity(name, None)
    # each pair counts for the unit of its row and for that of its candidate: the sum varies twice as much
    error = sides * np.sqrt(((by_unit - total / len(by_unit)) ** 2).sum()) / count
    return Quantity(name, float(total / count), float(error))
