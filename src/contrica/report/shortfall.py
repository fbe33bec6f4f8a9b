"""Why a score stays below .99, in nats, by a rule from numbers that were measured.

    not promised   no theorem promises what is missed
    saturation     I - log N > 0: a batch of N pairs cannot ask for all that a pair shares, InfoNCE least of all
    variance       noise > excess: one batch misses the best value on itself by more, up and down, than there is to gain
    distance       neither: the loss is ``excess`` above its best, more than one batch's noise, so that steps still pay

``excess`` is the loss less that of the true log density ratio on the same batch and ``noise`` its standard deviation
from batch to batch, both in nats (`contrica.optima.in_nats`). The first that holds is named.
"""

from contrica.report.numbers import fixed
from contrica.report.outcome import Outcome

REACHED = 0.99
"""From here on nothing is owed."""


def shortfall(outcome: Outcome) -> str:
    """Return the reason, empty where .99 is reached: by MCC where axes are promised, else by linear R2."""
    score = outcome.scores["mcc_pearson" if outcome.promise.axes else "r2"].value
    if score >= REACHED:
        return ""
    excess, noise, above = outcome.excess, outcome.noise, outcome.above_log_batch
    distance = "" if excess is None else f", {fixed(excess)} nats above the optimum"
    if not outcome.promise.holds:
        return f"not promised{distance}"
    if above is not None and above > 0.0:
        return f"saturation: a pair shares {fixed(above, 1)} nats more than the logarithm of the batch{distance}"
    if excess is None or noise is None:
        return "the optimum is not known"
    if noise > excess:
        return f"variance: {fixed(noise)} nats from batch to batch{distance}"
    return f"distance: {fixed(excess)} nats above the optimum, {excess / noise:.1f} times the noise of a batch"
