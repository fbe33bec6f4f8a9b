"""delta-InfoNCE: pick each anchor's positive among its negatives.

    E[ log(exp(s_i+) + sum_j A_ij exp(s_ij)) - s_i+ ],      s* = log r + c(x), c free,      value >= log(1 + K) - I

The positive is always in the denominator: without it the loss has no lower bound once r exceeds the number of
negatives. (van den Oord et al. 2018; as delta-INCE in Matthes, Han, Shen 2023.)
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from contrica import _checks
from contrica.losses.loss import Loss
from contrica.losses.reduction import LogSumExp, softplus

Direction = Literal["rows", "columns", "symmetric"]


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

    Numerics: only differences negative - positive are exponentiated, so the gradient survives a positive that loses
    by 200 nats.

    >>> round(InfoNCE()(torch.zeros(4), torch.zeros(4, 3)).item(), 6)   # chance: log 4
    1.386294
    """

    direction: Direction = "rows"

    def __post_init__(self) -> None:
        """Refuse an unknown direction."""
        _checks.choice(self.direction, "direction", ("rows", "columns", "symmetric"))

    @property
    def reduction(self) -> LogSumExp:
        """The log-sum-exp of the negative logits."""
        return LogSumExp()

    def combine(self, positive_logits: Tensor, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``mean log(1 + exp(L - s_+))``."""
        return softplus(summaries - positive_logits).mean()

    def balancing_bias(self, positive_logits: Tensor, log_mean_exp: Tensor, log_mean_exp_twice: Tensor) -> Tensor:
        """Return 0: a scalar cancels."""
        return torch.zeros_like(log_mean_exp)
