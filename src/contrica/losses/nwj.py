"""delta-NWJ: the variational lower bound on mutual information, and its log form.

    E_+[-s] + E_-[exp(s)]           s* = log r,            value 1 - I
    E_+[-s] + log E_-[exp(s)] + 1   s* = log r + const     value 1 - I      (the bias profiled out: Donsker-Varadhan)

(Nguyen, Wainwright, Jordan 2010; as delta-NWJ in Matthes, Han, Shen 2023.)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from contrica.losses.loss import Loss, TargetSums
from contrica.losses.reduction import LogitSum, LogSumExp, guarded_exp


@dataclass(frozen=True)
class NWJ(Loss):
    """1 minus a lower bound, in nats, on the mutual information of the pair.

    1 is a critic that knows nothing; there is no lower end. The variance of the second term grows exponentially with
    the information: use it below about 6 nats. The log form is biased at finite batches and cannot overflow.

    Numerics: ``exp`` is continued by its tangent beyond 80 nats.

    >>> NWJ()(torch.zeros(4), torch.zeros(4, 3)).item()   # chance: 1
    1.0
    """

    log_form: bool = False

    @property
    def reduction(self) -> LogSumExp:
        """The log-sum-exp of the negative logits."""
        return LogSumExp()

    def combine(self, positive_logits: Tensor, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``-mean s_+ + mean exp(s_-)``, or with ``log mean exp(s_-) + 1``."""
        return self._push(summaries, counts) - positive_logits.mean()

    def over_targets(self, positives: TargetSums, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``-sum T s / sum T + mean exp(s_-)``, or with ``log mean exp(s_-) + 1``."""
        logits, weights = positives(LogitSum(), None)
        return self._push(summaries, counts) - logits.sum() / weights.sum()

    def balancing_bias(self, positive_logits: Tensor, log_mean_exp: Tensor, log_mean_exp_twice: Tensor) -> Tensor:
        """Return ``log E_-[exp(s)]``, the exact minimiser."""
        return log_mean_exp

    def _push(self, summaries: Tensor, counts: Tensor) -> Tensor:
        log_mean = torch.logsumexp(summaries, 0) - counts.sum().log()
        return log_mean + 1.0 if self.log_form else guarded_exp(log_mean)
