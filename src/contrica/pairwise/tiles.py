"""Sums over all pairs in tiles of the pair matrix: computed, reduced, forgotten, and computed again for the gradient.

Memory grows with the rows, not with the pairs. Any dissimilarity works, and any plan.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from contrica import _checks
from contrica.critics import Side
from contrica.losses.reduction import LogitSum, LogSumExp, Reduction
from contrica.pairwise.plan import PairPlan

TILE_ELEMENTS = 1 << 18
"""Pairs per tile: with 10 codes the widest temporary of a tile is about 10 MiB in float32."""

TILE_WIDTH = 2048
"""Candidates per tile."""


def reduce_in_tiles(
    reduction: Reduction,
    dissimilarity: Callable[[Tensor, Tensor], Tensor],
    anchors: Side,
    candidates: Side,
    plan: PairPlan,
    learned: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return, per anchor, the reduced logits of its candidates and their total weight.

    ``learned`` are the parameters of the dissimilarity that ask for a gradient.
    """
    sides = (anchors.codes, candidates.codes, anchors.offsets, candidates.offsets)
    if len(_tiles(len(anchors.codes), len(candidates.codes))) == 1:
        logits = _tile_logits(dissimilarity, *sides)
        weights = plan.tile(slice(None), slice(None), logits.detach())
        summaries = reduction(logits, weights)
        return summaries, torch.full_like(summaries, logits.shape[1]) if weights is None else weights.sum(1)
    reduced: tuple[Tensor, Tensor] = _TiledReduction.apply(reduction, dissimilarity, plan, *sides, *learned)  # type: ignore[no-untyped-call]
    return reduced


def _tiles(rows: int, columns: int) -> list[tuple[slice, slice]]:
    width = max(1, min(columns, TILE_WIDTH))
    height = max(1, TILE_ELEMENTS // width)
    return [
        (slice(top, min(top + height, rows)), slice(left, min(left + width, columns)))
        for top in range(0, rows, height)
        for left in range(0, columns, width)
    ]


class _TiledReduction(torch.autograd.Function):
    """Row reduction of ``-(delta_ij + r_i + c_j)`` in tiles; the backward pass computes each tile again."""

    @staticmethod
    def forward(
        ctx: Any,
        reduction: Reduction,
        dissimilarity: Callable[[Tensor, Tensor], Tensor],
        plan: PairPlan,
        left: Tensor,
        right: Tensor,
        row_offsets: Tensor,
        column_offsets: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        summaries = left.new_full((len(left),), -torch.inf if isinstance(reduction, LogSumExp) else 0.0)
        counts = left.new_zeros(len(left))
        for rows, columns in _tiles(len(left), len(right)):
            logits = _tile_logits(dissimilarity, left[rows], right[columns], row_offsets[rows], column_offsets[columns])
            weights = plan.tile(rows, columns, logits)
            part = reduction(logits, weights)
            if isinstance(reduction, LogSumExp):
                summaries[rows] = torch.logaddexp(summaries[rows], part)
            else:
                summaries[rows] += part
            counts[rows] += logits.shape[1] if weights is None else weights.sum(1)
        ctx.save_for_backward(left, right, row_offsets, column_offsets, summaries, *parameters)
        ctx.reduction, ctx.dissimilarity, ctx.plan = reduction, dissimilarity, plan
        ctx.mark_non_differentiable(counts)
        return summaries, counts

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        _checks.first_derivative("the all-pairs sums")
        left, right, row_offsets, column_offsets, summaries, *parameters = ctx.saved_tensors
        leaves = [tensor.detach().requires_grad_() for tensor in (left, right, row_offsets, column_offsets)]
        sums = [torch.zeros_like(leaf) for leaf in leaves]
        parameter_sums = [torch.zeros_like(parameter) for parameter in parameters]
        for rows, columns in _tiles(len(left), len(right)):
            cuts = (rows, columns, rows, columns)
            parts = [leaf.detach()[cut].requires_grad_() for leaf, cut in zip(leaves, cuts, strict=True)]
            with torch.enable_grad():
                logits = _tile_logits(ctx.dissimilarity, parts[0], parts[1], parts[2], parts[3])
            with torch.no_grad():
                slopes = _slopes(ctx.reduction, logits, ctx.plan.tile(rows, columns, logits), summaries[rows])
                slopes *= upstream[0][rows, None]
            gradients = torch.autograd.grad(logits, [*parts, *parameters], slopes, allow_unused=True)
            for total, cut, gradient in zip(sums, cuts, gradients[:4], strict=True):
                if gradient is not None:
                    total[cut] += gradient
            for total, gradient in zip(parameter_sums, gradients[4:], strict=True):
                if gradient is not None:
                    total.add_(gradient)
        return (None, None, None, *sums, *parameter_sums)


def _tile_logits(
    dissimilarity: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor, rows: Tensor, columns: Tensor
) -> Tensor:
    return -(dissimilarity(left[:, None], right[None]) + rows[:, None] + columns[None])


def _slopes(reduction: Reduction, logits: Tensor, weights: Tensor | None, summaries: Tensor) -> Tensor:
    """Return the derivative of the row sums by the logits of a tile."""
    if isinstance(reduction, LogSumExp):
        exponent = reduction.power * logits - summaries[:, None]
        exponent = exponent.masked_fill(torch.isneginf(summaries)[:, None], -torch.inf)
        slopes = reduction.power * exponent.exp()
    elif isinstance(reduction, LogitSum):
        slopes = torch.ones_like(logits)
    else:
        slopes = -torch.sigmoid(-logits) if reduction.negated else torch.sigmoid(logits)
    return slopes if weights is None else torch.where(weights > 0, weights * slopes, 0.0)
