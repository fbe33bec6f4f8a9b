"""The all-pairs reduction: one sum per anchor over its candidates, streamed in tiles with exact gradients.

Every loss is a function of the positive logits and of these sums (``losses.reduction``). Tiles of the pair matrix are
computed, reduced and forgotten, and computed again for the gradient, so memory grows with the rows, not with the pairs.
Any dissimilarity works; those with a closed form run in a fused kernel where there is one (``_fused``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica._fused import fused_sums
from contrica.critics import Side
from contrica.errors import DtypeError, ShapeError
from contrica.losses.reduction import LogSumExp, Reduction

TILE_ELEMENTS = 1 << 18
"""Pairs per tile: with 10 codes the widest temporary of a tile is about 10 MiB in float32."""

TILE_WIDTH = 2048
"""Candidates per tile."""


@dataclass(frozen=True)
class PairPlan:
    """Which candidates each anchor is contrasted with, and how much.

    Parameters
    ----------
    exclude : pair of int64 Tensors of shapes (anchors,) and (candidates,), optional
        Pairs with equal ids are inadmissible: the own positive, the same recording.
    within : pair of int64 Tensors of shapes (anchors,) and (candidates,), optional
        Only pairs with equal ids are admissible: negatives of the same domain.
    weights : Tensor of shape (anchors, candidates), optional
        Candidate weights A_ij >= 0 on top, 0 for inadmissible.
    """

    exclude: tuple[Tensor, Tensor] | None = None
    within: tuple[Tensor, Tensor] | None = None
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse what is no tensor; that the shapes fit the sides is seen where they meet."""
        for name, ids in (("exclude", self.exclude), ("within", self.within)):
            sound = isinstance(ids, tuple) and len(ids) == 2 and all(isinstance(side, Tensor) for side in ids)
            if ids is not None and not sound:
                raise DtypeError(f"{name} must be a pair of Tensors of ids, got {ids!r}; number anchors and candidates")
        if self.weights is not None and not isinstance(self.weights, Tensor):
            name = type(self.weights).__name__
            raise DtypeError(f"weights must be a torch.Tensor, got {name}; pass torch.as_tensor(...)")

    def tile(self, rows: slice, columns: slice, like: Tensor) -> Tensor | None:
        """Return the weights of a tile in the dtype of ``like``, or None where all are 1."""
        weights = None if self.weights is None else self.weights[rows, columns].to(like.dtype)
        for ids, keep_equal in ((self.exclude, False), (self.within, True)):
            if ids is not None:
                admissible = (ids[0][rows, None] == ids[1][None, columns]) == keep_equal
                weights = admissible.to(like.dtype) if weights is None else weights * admissible
        return weights

    def transposed(self) -> "PairPlan":
        """Return the plan with candidates asking for anchors."""
        return PairPlan(
            exclude=None if self.exclude is None else (self.exclude[1], self.exclude[0]),
            within=None if self.within is None else (self.within[1], self.within[0]),
            weights=None if self.weights is None else self.weights.T,
        )


def reduce_pairs(
    reduction: Reduction,
    dissimilarity: Callable[[Tensor, Tensor], Tensor],
    anchors: Side,
    candidates: Side,
    plan: PairPlan,
) -> tuple[Tensor, Tensor]:
    """Return, per anchor, the reduced logits of its candidates and their total weight, each of shape (anchors,)."""
    parameters = [*dissimilarity.parameters()] if isinstance(dissimilarity, nn.Module) else []
    if not parameters and dissimilarity(anchors.codes[:1].detach(), candidates.codes[:1].detach()).requires_grad:
        raise DtypeError(
            f"a dissimilarity with parameters must be an nn.Module that holds them, got {dissimilarity!r};"
            " its parameters would get no gradient, make it a module"
        )
    sides = (anchors.codes, candidates.codes, anchors.offsets, candidates.offsets)
    fused = None
    if plan.weights is None:
        fused = fused_sums(reduction, dissimilarity, anchors, candidates, exclude=plan.exclude, within=plan.within)
    if fused is not None:
        summaries, counts = fused
    elif len(_tiles(len(anchors.codes), len(candidates.codes))) == 1:
        logits = _tile_logits(dissimilarity, *sides)
        weights = plan.tile(slice(None), slice(None), logits.detach())
        summaries = reduction(logits, weights)
        counts = torch.full_like(summaries, logits.shape[1]) if weights is None else weights.sum(1)
    else:
        learned = [parameter for parameter in parameters if parameter.requires_grad]
        summaries, counts = _TiledReduction.apply(reduction, dissimilarity, plan, *sides, *learned)  # type: ignore[no-untyped-call]
    if not bool(counts.sum() > 0):
        raise ShapeError(
            f"at least one negative must be admissible, got none among {len(anchors.codes)} x {len(candidates.codes)}"
            " pairs; pass a batch of two pairs or more, of different groups"
        )
    return summaries, counts


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
    else:
        slopes = torch.sigmoid(logits)
    return slopes if weights is None else torch.where(weights > 0, weights * slopes, 0.0)
