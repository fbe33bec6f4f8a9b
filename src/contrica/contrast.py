"""The all-pairs contrast: from the two sides of the pairs to a loss, streamed in tiles with exact gradients.

Every loss is a function of the positive logits and, per anchor, of one sum over its candidates (``losses.reduction``).
The sum runs over tiles of the pair matrix that are computed, reduced and forgotten, and computed again for the
gradient, so memory grows with the rows, not with the pairs. Works with any dissimilarity; where ``_fused`` knows a
compiled form of it, that takes the place of the tiles, and what fits one tile is differentiated as it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica._fused import fused_sums
from contrica.critics import Critic, Side
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.losses import InfoNCE, Loss
from contrica.losses.reduction import LogSumExp, Reduction
from contrica.pairs.batch import PairBatch
from contrica.pairs.cells import Cells

NegativeSource = Literal["positives", "anchors", "anchors_including_self"]
"""Where in-batch negatives come from: the other x~, the other x, or all x with the anchor itself among them.

``anchors_including_self`` is the form of the published reference code, in which every anchor meets itself at distance
0 in its own denominator; it caps the recoverable ratio at 1 per pair and is kept for reproductions only.
"""

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


def pair_loss(
    encoder: Callable[[Tensor], Tensor],
    critic: Critic,
    loss: Loss,
    batch: PairBatch,
    *,
    negatives: NegativeSource = "positives",
) -> Tensor:
    """Return the loss, 0-d and in nats, of a batch of pairs.

    Negatives are the batch's own separate ones where it has them; otherwise every other pair of the batch that is not
    of the same group, as ``negatives`` says; or the candidates in the anchor's cell, for a batch drawn from cells.

    Raises
    ------
    DomainError
        If the batch was drawn from cells in a form whose optimum is not that of ``loss``.
    """
    _checks.choice(negatives, "negatives", ("positives", "anchors", "anchors_including_self"))
    if batch.cells is not None:
        return _loss_in_cells(encoder, critic, loss, batch, batch.cells, negatives)
    views = [batch.anchors, batch.positives, *([] if batch.negatives is None else [batch.negatives])]
    stacked = torch.cat(views)
    encoded = encoder(stacked)
    _checks.codes(encoded, "codes")
    _checks.same_rows(stacked, encoded, "observations", "codes")
    codes = encoded.split([len(view) for view in views])
    anchors = critic.anchors(codes[0], batch.anchors)
    positives = critic.candidates(codes[1], batch.positives)
    if batch.negatives is not None:
        return contrast(loss, critic, anchors, positives, negatives=critic.candidates(codes[2], batch.negatives))
    ids = batch.groups if batch.groups is not None else torch.arange(len(batch.anchors), device=codes[0].device)
    if negatives == "positives":
        return contrast(loss, critic, anchors, positives, plan=PairPlan(exclude=(ids, ids)))
    plan = PairPlan() if negatives == "anchors_including_self" else PairPlan(exclude=(ids, ids))
    return contrast(loss, critic, anchors, positives, negatives=critic.candidates(codes[0], batch.anchors), plan=plan)


def _loss_in_cells(
    encoder: Callable[[Tensor], Tensor],
    critic: Critic,
    loss: Loss,
    batch: PairBatch,
    cells: Cells,
    negatives: NegativeSource,
) -> Tensor:
    """Return the loss against the candidates of each anchor's cell and, where there are some, those that all share."""
    if negatives != "positives":
        raise DomainError(
            f"candidates of a cell are x~, so negatives must be 'positives', got {negatives!r}; pass that"
        )
    by_rows = isinstance(loss, InfoNCE)
    if isinstance(loss, InfoNCE) and loss.direction != "rows":
        raise DomainError(
            f"in a cell only the anchors' side keeps its optimum, got direction {loss.direction!r}; use 'rows'"
        )
    if by_rows != (cells.shared is None):
        forms = ("within", "stratified") if by_rows else ("stratified", "within")
        raise DomainError(
            f"{type(loss).__name__} keeps its optimum in neighbourhoods of the form {forms[0]!r} alone, got"
            f" {forms[1]!r}; pass form={forms[0]!r} to NeighbourhoodPairs"
        )
    views = [batch.anchors, batch.positives, cells.others, *([] if cells.shared is None else [cells.shared])]
    encoded = encoder(torch.cat(views))
    _checks.codes(encoded, "codes")
    codes = encoded.split([len(view) for view in views])
    anchors = critic.anchors(codes[0], batch.anchors)
    inside = critic.candidates(torch.cat(codes[1:3]), torch.cat(views[1:3]))
    rows = torch.arange(len(batch.anchors), device=encoded.device)
    plan = PairPlan(
        exclude=(rows, torch.cat((rows, torch.full_like(cells.other_cells, -1)))),
        within=(cells.anchors, torch.cat((cells.positives, cells.other_cells))),
    )
    positive_logits = critic.paired_logits(anchors, inside.rows(slice(len(rows))))
    summaries, counts = reduce_pairs(loss.reduction, critic.dissimilarity, anchors, inside, plan)
    if cells.shared is None or cells.shared_cells is None or cells.num_outside is None:
        return loss.combine(positive_logits, summaries, counts)
    shared = critic.candidates(codes[3], cells.shared)
    plan = PairPlan(exclude=(cells.anchors, cells.shared_cells))
    outside, num_shared = reduce_pairs(loss.reduction, critic.dissimilarity, anchors, shared, plan)
    if not bool((num_shared > 0).all()):
        raise ShapeError("some shared candidate must lie outside of each cell, got none; draw more or use more cells")
    weights = cells.num_outside.to(outside.dtype) / num_shared
    if isinstance(loss.reduction, LogSumExp):
        summaries = torch.logaddexp(summaries, outside + weights.log())
    else:
        summaries = summaries + weights * outside
    return loss.combine(positive_logits, summaries, counts + cells.num_outside)


def contrast(
    loss: Loss,
    critic: Critic,
    anchors: Side,
    positives: Side,
    *,
    negatives: Side | None = None,
    plan: PairPlan | None = None,
) -> Tensor:
    """Return the loss of row i of ``anchors`` with row i of ``positives`` against the negatives, in nats.

    Parameters
    ----------
    loss : Loss
        NCE, InfoNCE, SCL or NWJ.
    critic : Critic
        Gives the logit of a pair.
    anchors, positives : Side of batch rows each
    negatives : Side of any number of rows, optional
        Candidates that every anchor shares; the positives of the other rows if not given.
    plan : PairPlan, optional
        Which candidates are admissible. Without one, all separate negatives, or all rows but the own.

    Raises
    ------
    ShapeError
        If the sides differ in rows, or nothing is left to contrast with.
    DomainError
        If candidates are asked to choose among anchors (columns, symmetric) but the negatives are separate.
    """
    if not isinstance(loss, Loss) or not isinstance(critic, Critic):
        raise DtypeError(
            f"contrast needs a Loss and a Critic, got {type(loss).__name__} and {type(critic).__name__}; pass them so"
        )
    for name, side in (("anchors", anchors), ("positives", positives)):
        _check_side(name, side)
    if negatives is not None:
        _check_side("negatives", negatives)
    batch = len(anchors.codes)
    _checks.same_rows(anchors.codes, positives.codes, "anchors", "positives")
    if plan is None:
        ids = torch.arange(batch, device=anchors.codes.device)
        plan = PairPlan(exclude=(ids, ids)) if negatives is None else PairPlan()
    candidates = positives if negatives is None else negatives
    _check_plan(plan, batch, len(candidates.codes))
    positive_logits = critic.paired_logits(anchors, positives)
    direction = loss.direction if isinstance(loss, InfoNCE) else "rows"
    if direction != "rows" and negatives is not None:
        raise DomainError(
            f"direction {direction!r} lets candidates choose among anchors, which needs in-batch negatives from the"
            " positives, got separate ones; use direction='rows'"
        )
    values = []
    if direction != "columns":
        summaries, counts = reduce_pairs(loss.reduction, critic.dissimilarity, anchors, candidates, plan)
        values.append(loss.combine(positive_logits, summaries, counts))
    if direction != "rows":
        summaries, counts = reduce_pairs(loss.reduction, critic.dissimilarity, positives, anchors, plan.transposed())
        values.append(loss.combine(positive_logits, summaries, counts))
    return torch.stack(values).mean()


def set_bias(critic: Critic, anchors: Side, positives: Side, loss: Loss, plan: PairPlan | None = None) -> None:
    """Set the critic's b in place to what balances ``loss`` on these rows; nothing happens where there is no b."""
    if critic.bias is None:
        return
    if plan is None:
        ids = torch.arange(len(anchors.codes), device=anchors.codes.device)
        plan = PairPlan(exclude=(ids, ids))
    _check_plan(plan, len(anchors.codes), len(positives.codes))
    with torch.no_grad():
        log_means = []
        for power in (1, 2):
            sums, counts = reduce_pairs(LogSumExp(power), critic.dissimilarity, anchors, positives, plan)
            log_means.append(torch.logsumexp(sums, 0) - counts.sum().log())
        step = loss.balancing_bias(critic.paired_logits(anchors, positives), log_means[0], log_means[1])
        critic.bias.add_(step.to(critic.bias.dtype))


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


def _check_side(name: str, side: Side) -> None:
    if not isinstance(side, Side):
        raise DtypeError(f"{name} must be a Side, got {type(side).__name__}; take it from critic.{name} or build one")
    _checks.codes(side.codes, f"the codes of {name}")
    _checks.samples(side.offsets, f"the offsets of {name}", ())
    _checks.same_rows(side.codes, side.offsets, f"the codes of {name}", "their offsets")


def _check_plan(plan: PairPlan, rows: int, columns: int) -> None:
    for name, ids in (("exclude", plan.exclude), ("within", plan.within)):
        if ids is not None and [tuple(side.shape) for side in ids] != [(rows,), (columns,)]:
            raise ShapeError(
                f"{name} needs one id per anchor and one per candidate, shapes ({rows},) and ({columns},), got"
                f" {' and '.join(str(tuple(side.shape)) for side in ids)}; number both sides"
            )
    weights = plan.weights
    if weights is None:
        return
    if weights.shape != (rows, columns):
        raise ShapeError(f"weights must have shape ({rows}, {columns}), got {tuple(weights.shape)}; weigh every pair")
    if weights.requires_grad:
        raise DomainError("weights are data and get no gradient, got weights that require one; pass weights.detach()")
    if bool((weights < 0).any()) or not bool(torch.isfinite(weights).all()):
        raise DomainError("weights must be finite and at least 0, got others; use 0 for an inadmissible pair")


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
