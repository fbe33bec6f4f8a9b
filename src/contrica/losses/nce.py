"""delta-NCE: tell joint pairs from independent pairs, one by one.

    E_+[log(1 + exp(-s))] + E_-[log(1 + exp(s))],      s* = log r,      value 2 log 2 - 2 JS(p(x,x~), p(x)p(x~))

(Gutmann, Hyvarinen 2012; as delta-NCE in Matthes, Han, Shen 2023.)
"""

from dataclasses import dataclass

from torch import Tensor

from contrica.losses.loss import Loss, TargetSums
from contrica.losses.reduction import SoftplusSum, softplus


@dataclass(frozen=True)
class NCE(Loss):
    """Noise-contrastive estimation: unbiased at every batch size, with gradients of at most 1 per logit.

    0 is perfect, ``2 log 2`` is a critic that knows nothing. Needs the bias, or both offsets, to reach its optimum.

    >>> import torch
    >>> round(NCE()(torch.zeros(4), torch.zeros(4, 3)).item(), 6)   # chance: 2 log 2
    1.386294
    """

    @property
    def reduction(self) -> SoftplusSum:
        """The sum of softplus of the negative logits."""
        return SoftplusSum()

    def combine(self, positive_logits: Tensor, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``mean softplus(-s_+) + sum softplus(s_-) / #negatives``."""
        return softplus(-positive_logits).mean() + summaries.sum() / counts.sum()

    def over_targets(self, positives: TargetSums, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``sum T softplus(-s) / sum T + sum softplus(s_-) / #negatives``."""
        costs, weights = positives(SoftplusSum(negated=True), None)
        return costs.sum() / weights.sum() + summaries.sum() / counts.sum()

    def balancing_bias(self, positive_logits: Tensor, log_mean_exp: Tensor, log_mean_exp_twice: Tensor) -> Tensor:
        """Return ``log E_-[exp(s)]``, at which the ratio is normalised; NCE has no closed form of its own."""
        return log_mean_exp
