"""The form that the four losses share: a pull on positive logits and a push on a summary of the negatives.

The same four are written delta-NCE, delta-INCE, delta-SCL and delta-NWJ in Matthes, Han, Shen 2023; ``d = -logit``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.losses.reduction import Reduction

TargetSums = Callable[[Reduction, Tensor | None], tuple[Tensor, Tensor]]
"""From a reduction, and a number per anchor that is subtracted from its logits first (None for 0), to the reduced
logits of each anchor's positives and their total weight, each of shape (anchors,)."""


class Loss(ABC):
    """A cost in nats whose minimiser over all critics is the log density ratio, up to what each loss says."""

    @property
    @abstractmethod
    def reduction(self) -> Reduction:
        """The summary of the negatives that this loss is a function of."""

    @abstractmethod
    def combine(
        self,
        positive_logits: Float[Tensor, " batch"],
        summaries: Float[Tensor, " batch"],
        counts: Float[Tensor, " batch"],
    ) -> Float[Tensor, ""]:
        """Return the loss from positive logits, the reduced negatives of each anchor, and their total weights."""

    @abstractmethod
    def balancing_bias(
        self,
        positive_logits: Float[Tensor, " batch"],
        log_mean_exp: Float[Tensor, ""],
        log_mean_exp_twice: Float[Tensor, ""],
    ) -> Float[Tensor, ""]:
        """Return the scalar b that minimises the loss when subtracted from all logits, or a start close to it.

        ``log_mean_exp`` is ``log E_-[exp(s)]`` and ``log_mean_exp_twice`` is ``log E_-[exp(2s)]`` over the negatives.
        """

    def over_targets(self, positives: TargetSums, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return the loss where an anchor has any number of weighted positives, T_ij, in place of one.

        Each mean over positives becomes ``sum_ij T_ij (.)_ij / sum_ij T_ij``; with one positive of weight 1 per anchor
        it is `combine`. ``summaries`` and ``counts`` are those of `combine`.

        Raises
        ------
        DomainError
            If the loss has no such form, which is the case unless it says otherwise.
        """
        raise DomainError(f"{type(self).__name__} has no form for targets; use NCE, InfoNCE, SCL or NWJ, or define it")

    def __call__(
        self,
        positive_logits: Float[Tensor, " batch"],
        negative_logits: Float[Tensor, "batch negatives"],
        *,
        weights: Float[Tensor, "batch negatives"] | Bool[Tensor, "batch negatives"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the loss in nats of each anchor's positive against its negatives.

        Parameters
        ----------
        positive_logits : Tensor of shape (batch,)
            Larger is closer.
        negative_logits : Tensor of shape (batch, negatives)
            The positive is not among them.
        weights : Tensor of shape (batch, negatives), optional
            Non-negative candidate weights, or a mask; 0 makes a pair inadmissible. Ones if not given.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If shapes disagree, a dtype is not floating, a weight is negative, or no pair is admissible.
        """
        _check(positive_logits, negative_logits, weights)
        if weights is None:
            counts = negative_logits.new_full((len(negative_logits),), negative_logits.shape[1])
        else:
            weights = weights.to(negative_logits.dtype)
            counts = weights.sum(1)
        return self.combine(positive_logits, self.reduction(negative_logits, weights), counts)


def _check(positive_logits: Tensor, negative_logits: Tensor, weights: Tensor | None) -> None:
    for name, logits in (("positive_logits", positive_logits), ("negative_logits", negative_logits)):
        if not isinstance(logits, Tensor):
            raise DtypeError(f"{name} must be a torch.Tensor, got {type(logits).__name__}; pass torch.as_tensor(...)")
        if not logits.is_floating_point():
            raise DtypeError(f"{name} must be floating, got {logits.dtype}; pass {name}.float()")
    if positive_logits.ndim != 1 or negative_logits.ndim != 2 or len(positive_logits) != len(negative_logits):
        raise ShapeError(
            "positive_logits must have shape (batch,) and negative_logits (batch, negatives), got"
            f" {tuple(positive_logits.shape)} and {tuple(negative_logits.shape)}; give one row of negatives per anchor"
        )
    if negative_logits.numel() == 0:
        raise ShapeError(
            f"a contrast needs at least one negative, got negative_logits of shape {tuple(negative_logits.shape)};"
            " pass a batch of two pairs or more"
        )
    if weights is None:
        return
    if not isinstance(weights, Tensor):
        raise DtypeError(f"weights must be a torch.Tensor, got {type(weights).__name__}; pass torch.as_tensor(...)")
    if weights.shape != negative_logits.shape:
        raise ShapeError(
            f"weights must have the shape of negative_logits, {tuple(negative_logits.shape)}, got"
            f" {tuple(weights.shape)}; give one weight per pair"
        )
    if bool((weights < 0).any()) or not bool(torch.isfinite(weights).all()):
        raise DomainError("weights must be finite and at least 0, got others; use 0 for an inadmissible pair")
    if not bool((weights > 0).any()):
        raise DomainError("at least one pair must be admissible, got weights that are all 0; loosen the mask")
