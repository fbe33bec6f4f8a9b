"""Reliability: of the pairs to which the critic gives some chance of being the positive, that many should be.

    bins B of l_ij = log(m p_ij), m candidates:     #{positives in B}  against  sum_(ij in B) p_ij

With p_ij the posterior of a choice among the row's candidates, both are equal in expectation for a critic that is right
up to a function of the row, which no loss but InfoNCE leaves free and which `check_normalisation` looks at. Their
difference over the posterior variance in the bin is the error of the logit there, in nats.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from contrica.diagnosis.check import Check, Quantity, Verdict, judge
from contrica.diagnosis.held_out import HeldOut
from contrica.diagnosis.missing_terms import BlockScores, choice, collected, scores_of
from contrica.diagnosis.saturation import too_saturated

BINS = 6
"""Each expects a sixth of the positives."""

TOLERANCE = 0.14
"""``g / sqrt(J)`` of a bin that could gain .01 nats: an error of .35 nats for a sixth of the positives."""


def check_reliability(held_out: HeldOut) -> Check:
    """Compare how often pairs are positive with how often the critic says so."""
    expected = "as many positives in every bin of the log ratio as the critic expects there: errors of 0 nats"
    if too_saturated(held_out):
        sentence = "nearly every positive beats all of its candidates, so there is hardly a doubt to compare"
        return Check(
            "reliability", (), expected, Verdict.CANNOT_TELL, sentence, "see saturation; or hold out more pairs"
        )
    edges = _edges(held_out)
    terms = collected(held_out, _scores(held_out, edges))
    bounds = [-np.inf, *edges.tolist(), np.inf]
    measured = tuple(
        Quantity(f"error of the logit where the log ratio is {_between(low, high)}, nats", -float(step), float(error))
        for low, high, step, error in zip(bounds, bounds[1:], terms.steps, terms.step_errors, strict=False)
        if np.isfinite(error)
    )
    verdict = judge(terms.sizes, terms.size_errors, TOLERANCE)
    worst = int(np.argmax(np.abs(terms.sizes)))
    where = _between(bounds[worst], bounds[worst + 1])
    advice = ""
    if verdict is Verdict.FINE:
        sentence = "the critic's chances are right for near and far pairs alike"
    elif verdict is Verdict.CANNOT_TELL:
        sentence, advice = "these rows leave open whether the critic's chances are right", "hold out more pairs"
    else:
        high = terms.steps[worst] < 0
        sentence = (
            f"pairs with a log ratio {where} are positive {'less' if high else 'more'} often than the critic says,"
            f" which is about {abs(terms.steps[worst]):.1f} nats too {'high' if high else 'low'} there"
        )
        advice = "look at normalisation above and pair noise below; if both are fine, train longer or widen the encoder"
    return Check("reliability", measured, expected, verdict, sentence, advice)


def _log_ratios(positive: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    candidates = 1.0 + (others > 0).sum(1, keepdim=True)
    return (candidates[:, 0] * positive).log(), (candidates * others).log()


def _edges(held_out: HeldOut) -> Tensor:
    """Return bounds between bins that expect equally many positives in the first block."""
    posterior = choice(held_out.blocks[0])
    values = torch.cat([part.flatten() for part in _log_ratios(posterior.positive, posterior.others)])
    weights = torch.cat((posterior.positive, posterior.others.flatten()))
    order = values.argsort()
    shares = weights[order].cumsum(0) / weights.sum()
    places = torch.searchsorted(shares, torch.linspace(0, 1, BINS + 1, dtype=shares.dtype)[1:-1])
    edges: Tensor = values[order][places].unique()
    return edges


def _scores(held_out: HeldOut, edges: Tensor) -> Iterator[BlockScores]:
    for block in held_out.blocks:
        posterior = choice(block)
        positive, others = (
            torch.nn.functional.one_hot(torch.bucketize(values, edges), len(edges) + 1).double()
            for values in _log_ratios(posterior.positive, posterior.others)
        )
        yield scores_of(block, posterior, positive, others)


def _between(low: float, high: float) -> str:
    if np.isinf(low):
        return f"below {high:.2g}" if np.isfinite(high) else "of any size"
    return f"above {low:.2g}" if np.isinf(high) else f"{low:.2g} to {high:.2g}"
