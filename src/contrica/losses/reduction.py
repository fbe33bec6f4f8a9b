"""What a loss needs to know of the negatives: one number per anchor, and how many negatives went into it.

    log-sum-exp   L_i = log sum_j A_ij exp(power s_ij)        InfoNCE, NWJ (power 1), SCL (power 2)
    softplus      L_i = sum_j A_ij log(1 + exp(s_ij))         NCE
    sum           L_i = sum_j A_ij s_ij                       positives of NWJ, InfoNCE

``s`` are logits, larger is closer; ``A_ij >= 0`` weighs candidate j for anchor i, 0 makes it inadmissible. Because
every loss is a function of such sums over negatives and over positives, one all-pairs reduction serves them all.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class LogSumExp:
    """``log sum_j A_ij exp(power s_ij)``; minus infinity where no candidate is admissible."""

    power: int = 1

    def __call__(
        self,
        logits: Float[Tensor, "batch negatives"],
        weights: Float[Tensor, "batch negatives"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Reduce each row; only differences to the row's maximum are exponentiated."""
        scaled = self.power * logits
        if weights is not None:
            scaled = torch.where(
                weights > 0, scaled + weights.clamp_min(torch.finfo(weights.dtype).tiny).log(), -torch.inf
            )
        return torch.logsumexp(scaled, dim=1)


@dataclass(frozen=True)
class SoftplusSum:
    """``sum_j A_ij log(1 + exp(s_ij))``, of -s_ij if ``negated``; zero where no candidate is admissible."""

    negated: bool = False

    def __call__(
        self,
        logits: Float[Tensor, "batch negatives"],
        weights: Float[Tensor, "batch negatives"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Reduce each row; stable for logits of either sign and any size."""
        return _weighted(softplus(-logits if self.negated else logits), weights)


@dataclass(frozen=True)
class LogitSum:
    """``sum_j A_ij s_ij``; zero where no candidate is admissible."""

    def __call__(
        self,
        logits: Float[Tensor, "batch negatives"],
        weights: Float[Tensor, "batch negatives"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Reduce each row."""
        return _weighted(logits, weights)


Reduction = LogSumExp | SoftplusSum | LogitSum


def _weighted(costs: Tensor, weights: Tensor | None) -> Tensor:
    return costs.sum(1) if weights is None else torch.where(weights > 0, weights * costs, 0.0).sum(1)


def softplus(value: Tensor) -> Tensor:
    """Return ``log(1 + exp(value))``, exact to rounding at both ends (no linear cut-over)."""
    return -F.logsigmoid(-value)


EXPONENT_LIMIT = 80.0
"""``exp`` is continued by its tangent beyond this: e^80 = 5.5e34 is below the float32 maximum, 3.4e38."""


def guarded_exp(value: Tensor, *, limit: float = EXPONENT_LIMIT) -> Tensor:
    """Return ``exp(value)`` up to ``limit`` and its tangent beyond: monotone and convex, in float32 finite to 6000."""
    return value.clamp_max(limit).exp() * (1.0 + F.relu(value - limit))
