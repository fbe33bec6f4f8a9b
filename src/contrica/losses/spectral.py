"""delta-SCL: the spectral contrastive loss with exp(s) in place of an inner product, and its log form.

    -2 E_+[exp(s)] + E_-[exp(2s)]                s* = log r,            value -(1 + chi2)
    log E_-[exp(2s)] - 2 log E_+[exp(s)]         s* = log r + const     value -log(1 + chi2)   (the bias profiled out)

(HaoChen et al. 2021, Kanamori et al. 2009; as delta-SCL in Matthes, Han, Shen 2023.)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from contrica.losses.loss import Loss, TargetSums
from contrica.losses.reduction import EXPONENT_LIMIT, LogSumExp, guarded_exp


@dataclass(frozen=True)
class SCL(Loss):
    """Pearson chi-square between joint and independent pairs, from below and with the sign of a cost.

    -1 is a critic that knows nothing, 0 for the log form; there is no lower end. It weighs the closest pairs most and
    its variance grows fastest of the four: use it below about 3 nats, or in the log form, which cannot overflow.

    Numerics: ``exp`` is continued by its tangent beyond a logit of 40 in both terms, so the minimum stays where it is
    for every ratio below e^40 and the loss stays bounded below.

    >>> SCL()(torch.zeros(4), torch.zeros(4, 3)).item()   # chance: -1
    -1.0
    """

    log_form: bool = False

    @property
    def reduction(self) -> LogSumExp:
        """The log-sum-exp of twice the negative logits."""
        return LogSumExp(power=2)

    def combine(self, positive_logits: Tensor, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``-2 mean exp(s_+) + mean exp(2 s_-)``, or the log form of the two means."""
        log_mean_negative = torch.logsumexp(summaries, 0) - counts.sum().log()
        if self.log_form:
            log_mean_positive = torch.logsumexp(positive_logits, 0) - math.log(len(positive_logits))
            return log_mean_negative - 2.0 * log_mean_positive
        positive = guarded_exp(positive_logits, limit=EXPONENT_LIMIT / 2).mean()
        return guarded_exp(log_mean_negative) - 2.0 * positive

    def over_targets(self, positives: TargetSums, summaries: Tensor, counts: Tensor) -> Tensor:
        """Return ``-2 sum T exp(s) / sum T + mean exp(2 s_-)``, or the log form of the two means.

        ``exp`` is continued on the means, not pair by pair.
        """
        sums, weights = positives(LogSumExp(), None)
        log_mean_positive = torch.logsumexp(sums, 0) - weights.sum().log()
        log_mean_negative = torch.logsumexp(summaries, 0) - counts.sum().log()
        if self.log_form:
            return log_mean_negative - 2.0 * log_mean_positive
        return guarded_exp(log_mean_negative) - 2.0 * guarded_exp(log_mean_positive, limit=EXPONENT_LIMIT / 2)

    def balancing_bias(self, positive_logits: Tensor, log_mean_exp: Tensor, log_mean_exp_twice: Tensor) -> Tensor:
        """Return ``log(E_-[exp(2s)] / E_+[exp(s)])``, the exact minimiser."""
        return log_mean_exp_twice - (torch.logsumexp(positive_logits, 0) - math.log(len(positive_logits)))
