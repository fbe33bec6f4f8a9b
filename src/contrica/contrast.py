"""The contrast: from a batch of pairs, an encoder and a critic to a loss in nats.

Row i of the anchors is contrasted with row i of the positives, against the candidates that a plan admits: the other
positives, the other anchors, separate negatives, or the neighbours in a cell.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from contrica import _checks
from contrica.critics import Critic, Side
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.losses import InfoNCE, Loss
from contrica.losses.reduction import LogSumExp, Reduction
from contrica.pairs.batch import PairBatch
from contrica.pairs.cells import Cells
from contrica.pairwise import PairPlan, reduce_pairs

NegativeSource = Literal["positives", "anchors", "anchors_including_self"]
"""Where in-batch negatives come from: the other x~, the other x, or all x with the anchor itself among them.

``anchors_including_self`` is the form of the published reference code, in which every anchor meets itself at distance
0 in its own denominator; that moves the optimum to codes of a smaller scale, and is kept for reproductions only.
"""


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

    Where the batch has wider positives, this is the loss of the widest ones, plus, for each rung below, the loss of an
    anchor's positive against the next wider one of the same anchor (see `contrica.critics`). Each is least at the log
    ratio of the two laws: for InfoNCE up to a function of x, provided that the two positives are independent given x,
    for which chained ones are refused; for the other losses whether they are or not, provided that b_k is all of the
    ratio that codes do not tell.

    Raises
    ------
    DomainError
        If the batch was drawn from cells in a form whose optimum is not that of ``loss``, or has other than as many
        positives of each anchor as the critic has rungs, or InfoNCE meets the chained positives of a ladder or lets
        candidates choose among its anchors.
    """
    _checks.choice(negatives, "negatives", ("positives", "anchors", "anchors_including_self"))
    ladder = batch.ladder
    if critic.num_rungs != len(ladder):
        raise DomainError(
            f"a critic must have as many rungs as an anchor has positives, got {critic.num_rungs} for {len(ladder)};"
            f" pass num_rungs={len(ladder)} to Critic"
        )
    if batch.cells is not None:
        return _loss_in_cells(encoder, critic, loss, batch, batch.cells, negatives)
    views = [batch.anchors, *ladder, *([] if batch.negatives is None else [batch.negatives])]
    stacked = torch.cat(views)
    encoded = encoder(stacked)
    _checks.codes(encoded, "codes")
    _checks.same_rows(stacked, encoded, "observations", "codes")
    codes = encoded.split([len(view) for view in views])
    rungs = _loss_of_rungs(critic, loss, codes[: len(ladder) + 1], chained=batch.chained)
    anchors = critic.anchors(codes[0], batch.anchors)
    positives = critic.candidates(codes[len(ladder)], ladder[-1])
    if batch.negatives is not None:
        others = critic.candidates(codes[-1], batch.negatives)
        return rungs + contrast(loss, critic, anchors, positives, negatives=others)
    ids = batch.groups if batch.groups is not None else torch.arange(len(batch.anchors), device=codes[0].device)
    if negatives == "positives":
        return rungs + contrast(loss, critic, anchors, positives, plan=PairPlan(exclude=(ids, ids)))
    plan = PairPlan() if negatives == "anchors_including_self" else PairPlan(exclude=(ids, ids))
    others = critic.candidates(codes[0], batch.anchors)
    return rungs + contrast(loss, critic, anchors, positives, negatives=others, plan=plan)


def _loss_of_rungs(critic: Critic, loss: Loss, codes: Sequence[Tensor], *, chained: bool) -> Tensor:
    """Return what it costs to tell each positive from the next wider one; ``codes`` are x, then x~ from p_1 to p_K."""
    anchors, *ladder = codes
    if len(ladder) == 1:
        return anchors.new_zeros(())
    if isinstance(loss, InfoNCE) and loss.direction != "rows":
        raise DomainError(
            f"the positives of a ladder are told apart given their anchor, got direction {loss.direction!r}; use 'rows'"
        )
    if isinstance(loss, InfoNCE) and chained:
        raise DomainError(
            "InfoNCE needs the positives of a ladder to be independent given their anchor, got chained ones, such as"
            " rows of one recording; use NCE, SCL or NWJ"
        )
    logits = [critic.rung_logits(anchors, positives) for positives in ladder]
    pairs = itertools.pairwise(logits)
    costs = [loss(narrow[rung], wide[rung][:, None]) for rung, (narrow, wide) in enumerate(pairs)]
    return torch.stack(costs).sum()


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

    Where the plan has targets, these say which of ``positives`` are positives of row i, and how much; ``positives`` are
    then all candidates, any number of rows.

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
        If the sides differ in rows, or nothing is left to contrast with, or no target is positive.
    DomainError
        If candidates are asked to choose among anchors (columns, symmetric), or the plan has targets, but the negatives
        are separate.

    Examples
    --------
    Rows of one class are positives of each other (SupCon):

    >>> from contrica.dissimilarities import SquaredEuclidean
    >>> codes, rows, classes = torch.tensor([[0.0], [0.0], [9.0], [9.0]]), torch.arange(4), torch.tensor([0, 0, 1, 1])
    >>> side = Side(codes, torch.zeros(4))
    >>> plan = PairPlan(exclude=(rows, rows), targets=PairPlan(exclude=(rows, rows), within=(classes, classes)))
    >>> contrast(InfoNCE(several="each"), Critic(SquaredEuclidean()), side, side, plan=plan)
    tensor(0.)
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
    if plan is not None and plan.targets is not None:
        return _over_targets(loss, critic, anchors, positives, plan, separate=negatives is not None)
    _checks.same_rows(anchors.codes, positives.codes, "anchors", "positives")
    if plan is None:
        ids = torch.arange(batch, device=anchors.codes.device)
        plan = PairPlan(exclude=(ids, ids)) if negatives is None else PairPlan()
    candidates = positives if negatives is None else negatives
    plan.ensure_fits(batch, len(candidates.codes))
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
    return values[0] if len(values) == 1 else torch.stack(values).mean()


def _over_targets(
    loss: Loss, critic: Critic, anchors: Side, candidates: Side, plan: PairPlan, *, separate: bool
) -> Tensor:
    """Return the loss where a plan says which candidates are positives of each anchor."""
    if separate:
        raise DomainError(
            "a plan with targets is over all candidates, got separate negatives; put them behind the positives, with"
            " weight 0 in the targets"
        )
    plan.ensure_fits(len(anchors.codes), len(candidates.codes))

    def value(left: Side, right: Side, plan: PairPlan, targets: PairPlan) -> Tensor:
        def positives(reduction: Reduction, shift: Tensor | None) -> tuple[Tensor, Tensor]:
            shifted = left if shift is None else Side(left.codes, left.offsets + shift)
            return reduce_pairs(reduction, critic.dissimilarity, shifted, right, targets, what="positive")

        return loss.over_targets(positives, *reduce_pairs(loss.reduction, critic.dissimilarity, left, right, plan))

    direction = loss.direction if isinstance(loss, InfoNCE) else "rows"
    turned, targets = plan.transposed(), plan.targets or PairPlan()
    values = []
    if direction != "columns":
        values.append(value(anchors, candidates, plan, targets))
    if direction != "rows":
        values.append(value(candidates, anchors, turned, targets.transposed()))
    return values[0] if len(values) == 1 else torch.stack(values).mean()


def set_bias(critic: Critic, anchors: Side, positives: Side, loss: Loss, plan: PairPlan | None = None) -> None:
    """Set the critic's b in place to what balances ``loss`` on these rows; nothing happens where there is no b."""
    if critic.bias is None:
        return
    if plan is None:
        ids = torch.arange(len(anchors.codes), device=anchors.codes.device)
        plan = PairPlan(exclude=(ids, ids))
    plan.ensure_fits(len(anchors.codes), len(positives.codes))
    with torch.no_grad():
        log_means = []
        for power in (1, 2):
            sums, counts = reduce_pairs(LogSumExp(power), critic.dissimilarity, anchors, positives, plan)
            log_means.append(torch.logsumexp(sums, 0) - counts.sum().log())
        step = loss.balancing_bias(critic.paired_logits(anchors, positives), log_means[0], log_means[1])
        critic.bias.add_(step.to(critic.bias.dtype))


def _check_side(name: str, side: Side) -> None:
    if not isinstance(side, Side):
        raise DtypeError(f"{name} must be a Side, got {type(side).__name__}; take it from critic.{name} or build one")
    _checks.codes(side.codes, f"the codes of {name}")
    _checks.samples(side.offsets, f"the offsets of {name}", ())
    _checks.same_rows(side.codes, side.offsets, f"the codes of {name}", "their offsets")
