"""delta-InfoNCE: pick each anchor's positive among its negatives.

    E[ log(exp(s_i+) + sum_j A_ij exp(s_ij)) - s_i+ ],      s* = log r + c(x), c free,      value >= log(1 + K) - I

The positive is always in the denominator: without it the loss has no lower bound once r exceeds the number of
negatives. (van den Oord et al. 2018; as delta-INCE in Matthes, Han, Shen 2023.)

Where an anchor has several positives of weights T_ij, with Z_i = sum_j A_ij exp(s_ij) over what the plan admits:

    alone   sum_ij T_ij log( (exp(s_ij) + Z_i) / exp(s_ij) ) / sum T       each positive beside the negatives only
    each    sum_ij T_ij log( Z_i / exp(s_ij) ) / sum T                     positives admitted: SupCon, y-Aware, CLIP
    any     mean_i log( Z_i / sum_j T_ij exp(s_ij) )                       positives admitted: MIL-NCE

(Khosla et al. 2020, arXiv 2004.11362, equations 2 and 3; Miech et al. 2020; Hoffmann et al. 2022.)
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.losses.loss import Loss, TargetSums
from contrica.losses.reduction import LogitSum, LogSumExp, SoftplusSum, softplus

Direction = Literal["rows", "columns", "symmetric"]

Several = Literal["alone", "each", "any"]


@dataclass(frozen=True)
class InfoNCE(Loss):
    """Mean cost, in nats, of picking each row's positive among its K negatives.

    0 is perfect and ``log(1 + K)`` is chance; values at different K do not compare. The minimiser is free by any
    function of the anchor, so ratios and information are not to be read off it.

    Parameters
    ----------
    direction : "rows", "columns" or "symmetric"
        Which side asks: anchors among candidates, candidates among anchors, or the mean of the two. It matters where
        an all-pairs matrix has both sides, in ``contrast``; given logits are always read by rows.
    several : "alone", "each" or "any"
        How the positives of a plan's targets are counted, see above; of no effect for one positive per anchor. "alone"
        wants a plan that leaves the positives out, the two others one that admits them: without them these have no
        lower bound.

    Numerics: only differences negative - positive are exponentiated, so the gradient survives a positive that loses
    by 200 nats.

    >>> round(InfoNCE()(torch.zeros(4), torch.zeros(4, 3)).item(), 6)   # chance: log 4
    1.386294
    """

    direction: Direction = "rows"
    several: Several = "alone"

    def __post_init__(self) -> None:
        """Refuse unknown words."""
        _checks.choice(self.direction, "direction", get_args(Direction))
        _checks.choice(self.several, "several", get_args(Several))

    @property
    def reduction(self) -> LogSumExp:
        """The log-sum-exp of the negative logits."""
        return LogSumExp()

    def combine(self, positive_logits: Tensor, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``mean log(1 + exp(L - s_+))``."""
        return softplus(summaries - positive_logits).mean()

    def over_targets(self, positives: TargetSums, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return the form that ``several`` says; only differences to the anchor's log Z_i are summed.

        Raises
        ------
        DomainError
            In the forms "each" and "any", if the plan admits no candidate for an anchor that has positives.
        """
        empty = torch.isneginf(summaries)
        log_z = torch.where(empty, 0.0, summaries)
        if self.several == "alone":
            costs, weights = positives(SoftplusSum(negated=True), log_z)
            return torch.where(empty, 0.0, costs).sum() / weights.sum()
        shares, weights = positives(LogitSum() if self.several == "each" else LogSumExp(), log_z)
        asked = weights > 0
        if bool((empty & asked).any()):
            raise DomainError(
                f"InfoNCE(several={self.several!r}) needs the positives of an anchor among its candidates, got an"
                " anchor with none; admit them, or use 'alone'"
            )
        if self.several == "each":
            return -shares.sum() / weights.sum()
        return -shares[asked].mean()

    def balancing_bias(self, positive_logits: Tensor, log_mean_exp: Tensor, log_mean_exp_twice: Tensor) -> Tensor:
        """Return 0: a scalar cancels."""
        return torch.zeros_like(log_mean_exp)
