"""Pairs one by one where a plan admits few of them: work and memory in proportion to the pairs, not to the matrix.

Several positives per anchor are the case in point: some per row, among thousands of candidates.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from contrica._fused.counts import admissible_counts
from contrica.critics import Side
from contrica.losses.reduction import LogitSum, LogSumExp, Reduction, softplus
from contrica.pairwise.plan import PairPlan

PAIRS_AT_ONCE = 1 << 18
"""Pairs whose differences are held together; those of all others are computed again for the gradient."""

PAIRS_PER_ROW = 16
"""So many per anchor and candidate, at most, are listed however many rows there are: memory stays linear."""

WORTH_LISTING = 32
"""For plans of ids at least so many pairs of the matrix stand for each listed one.

Measured on one core, forward and backward, 10 codes, float32: a listed pair costs 260 ns, one of the compiled pass 8,
one of a tile 135.
"""

WORTH_LISTING_WEIGHTS = 4
"""The same for plans with weights, for which there is no compiled pass."""


class Listed(NamedTuple):
    """Admissible pairs: anchors in ascending order, candidates, and weights, None where all are 1."""

    rows: Tensor
    columns: Tensor
    weights: Tensor | None


def listed_pairs(plan: PairPlan, rows: int, columns: int, like: Tensor) -> Listed | None:
    """Return the pairs that ``plan`` admits, with weights in the dtype of ``like``; None where they are too many."""
    worth = WORTH_LISTING if plan.weights is None else WORTH_LISTING_WEIGHTS
    most = min(rows * columns // worth, max(PAIRS_AT_ONCE, PAIRS_PER_ROW * (rows + columns)))
    if plan.weights is not None:
        if int(torch.count_nonzero(plan.weights)) > most:
            return None
        left, right = plan.weights.nonzero(as_tuple=True)
    elif plan.within is not None:
        if int(admissible_counts(None, plan.within, columns).sum()) > most:
            return None
        left, right = _equal_pairs(*plan.within)
    else:
        return None
    for ids, keep_equal in ((plan.exclude, False), (plan.within if plan.weights is not None else None, True)):
        if ids is not None:
            kept = (ids[0][left] == ids[1][right]) == keep_equal
            left, right = left[kept], right[kept]
    return Listed(left, right, None if plan.weights is None else plan.weights[left, right].to(like.dtype))


def reduce_listed(
    reduction: Reduction,
    dissimilarity: Callable[[Tensor, Tensor], Tensor],
    anchors: Side,
    candidates: Side,
    listed: Listed,
) -> tuple[Tensor, Tensor]:
    """Return, per anchor, the reduced logits of its listed candidates and their total weight."""

    def logits_of(rows: Tensor, columns: Tensor) -> Tensor:
        delta = dissimilarity(anchors.codes[rows], candidates.codes[columns])
        return -(delta + anchors.offsets[rows] + candidates.offsets[columns])

    cuts = list(zip(listed.rows.split(PAIRS_AT_ONCE), listed.columns.split(PAIRS_AT_ONCE), strict=True))
    if len(cuts) == 1:
        logits = logits_of(*cuts[0])
    else:
        parts = [checkpoint(logits_of, *cut, use_reentrant=False, preserve_rng_state=False) for cut in cuts]
        logits = torch.cat(parts)
    weights = torch.ones_like(logits) if listed.weights is None else listed.weights
    empty = logits.new_zeros(len(anchors.codes))
    counts = empty.index_add(0, listed.rows, weights.detach())
    if isinstance(reduction, LogSumExp):
        scaled = reduction.power * logits
        peaks = torch.full_like(empty, -torch.inf).scatter_reduce(0, listed.rows, scaled.detach(), "amax")
        totals = empty.index_add(0, listed.rows, weights * (scaled - peaks[listed.rows]).exp())
        filled = counts > 0
        sums = torch.where(filled, torch.where(filled, totals, 1.0).log() + peaks, -torch.inf)
    elif isinstance(reduction, LogitSum):
        sums = empty.index_add(0, listed.rows, weights * logits)
    else:
        sums = empty.index_add(0, listed.rows, weights * softplus(-logits if reduction.negated else logits))
    return sums, counts


def _equal_pairs(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Return all pairs of places with equal ids, ascending on the left, in memory of what is returned."""
    ordered, places = right.sort()
    first = torch.searchsorted(ordered, left)
    counts = torch.searchsorted(ordered, left, right=True) - first
    rows = torch.arange(len(left), device=left.device).repeat_interleave(counts)
    starts = first - (counts.cumsum(0) - counts)
    return rows, places[torch.arange(len(rows), device=left.device) + starts[rows]]
