"""The all-pairs reduction: one sum per anchor over the pairs that a plan admits, with exact gradients.

Every loss is a function of such sums (``losses.reduction``). Pairs are taken one by one where a plan admits few, in a
fused kernel where the dissimilarity has a closed form and the plan is one of ids (``_fused``), and in tiles otherwise:
any dissimilarity works, and memory grows with the rows, not with the pairs.
"""

from collections.abc import Callable

from torch import Tensor, nn

from contrica._fused import fused_sums
from contrica.critics import Side
from contrica.errors import DtypeError, ShapeError
from contrica.losses.reduction import Reduction
from contrica.pairwise.listed import listed_pairs, reduce_listed
from contrica.pairwise.plan import PairPlan
from contrica.pairwise.tiles import reduce_in_tiles


def reduce_pairs(
    reduction: Reduction,
    dissimilarity: Callable[[Tensor, Tensor], Tensor],
    anchors: Side,
    candidates: Side,
    plan: PairPlan,
    *,
    what: str = "negative",
) -> tuple[Tensor, Tensor]:
    """Return, per anchor, the reduced logits of its candidates and their total weight, each of shape (anchors,).

    The plan's targets are not looked at. ``what`` the candidates are is said where there is none.
    """
    parameters = [*dissimilarity.parameters()] if isinstance(dissimilarity, nn.Module) else []
    if not parameters and dissimilarity(anchors.codes[:1].detach(), candidates.codes[:1].detach()).requires_grad:
        raise DtypeError(
            f"a dissimilarity with parameters must be an nn.Module that holds them, got {dissimilarity!r};"
            " its parameters would get no gradient, make it a module"
        )
    rows, columns = len(anchors.codes), len(candidates.codes)
    reduced = None
    listed = listed_pairs(plan, rows, columns, anchors.codes)
    if listed is not None:
        reduced = reduce_listed(reduction, dissimilarity, anchors, candidates, listed)
    elif plan.weights is None:
        reduced = fused_sums(reduction, dissimilarity, anchors, candidates, exclude=plan.exclude, within=plan.within)
    if reduced is None:
        learned = [parameter for parameter in parameters if parameter.requires_grad]
        reduced = reduce_in_tiles(reduction, dissimilarity, anchors, candidates, plan, learned)
    if not bool(reduced[1].sum() > 0):
        raise ShapeError(
            f"at least one {what} must be admissible, got none among {rows} x {columns} pairs; pass a batch of two"
            " pairs or more, of different groups"
        )
    return reduced
