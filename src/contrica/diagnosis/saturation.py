"""Whether the contrast still has something to teach: information against what a batch can tell apart.

Among N candidates the pull on a row's positive is 1 minus its posterior,

    pull_i = (N - 1) m_i / (1 + (N - 1) m_i),     loss_i = log(1 + (N - 1) m_i),     m_i = mean_j exp(s_ij - s_ii)

Where the information exceeds log N, loss and pull vanish before every factor is found; where it is small beside the
noise of the loss nothing was found yet. NWJ and SCL do not saturate; the variance of their push grows exponentially
with the information instead. (Poole et al. 2019; McAllester and Stratos 2020.)
"""

import math

import numpy as np
import torch

from contrica.diagnosis.check import Check, Quantity, Verdict
from contrica.diagnosis.held_out import HeldOut
from contrica.losses import NWJ, SCL

LEAST_PULL = 0.05
"""Mean pull below which gradients are a twentieth of what they are at the start."""

LEAST_INFORMATION = 0.05
"""Nats below which the codes have learned next to nothing of the pairs."""

MOST_NATS = {NWJ: 6.0, SCL: 3.0}
"""Information beyond which one negative term has a relative standard deviation of some thousand: for normal noise and
10 factors it is e^6 (NWJ) and e^9 (SCL) at 9.9 nats, e^3.1 and e^6.2 at 4.7 nats."""


def pulls(held_out: HeldOut, batch_size: int | None = None) -> torch.Tensor:
    """Return the pull on each row's positive among ``batch_size`` candidates, or among those of its block."""
    parts = []
    for block in held_out.blocks:
        counts = block.admissible.sum(1).clamp_min(1).double()
        log_mean = torch.logsumexp(block.other_logits, 1) - counts.log() - block.positive_logits
        others = counts if batch_size is None else torch.full_like(log_mean, batch_size - 1.0)
        parts.append((log_mean + others.log()).sigmoid())
    return torch.cat(parts)


def too_saturated(held_out: HeldOut) -> bool:
    """Tell whether the candidates of a block leave too little doubt to compare anything with."""
    return float(pulls(held_out).mean()) < LEAST_PULL


def check_saturation(held_out: HeldOut, batch_size: int, factor_information: float) -> Check:
    """Compare the information with log N at the batch size of training.

    Parameters
    ----------
    held_out : HeldOut
    batch_size : int
        N.
    factor_information : float
        Sum over codes of the information between the members of a pair, in nats, which no batch size bounds.
    """
    pull = pulls(held_out, batch_size)
    losses = -torch.log1p(-pull.clamp_max(1 - 1e-15))
    left, error = _mean(held_out, pull)
    own = _bound(held_out)
    log_batch = math.log(batch_size)
    measured = (
        Quantity(f"pull left among {batch_size} candidates", left, error),
        Quantity(f"InfoNCE loss among {batch_size} candidates, nats", *_mean(held_out, losses)),
        Quantity(f"log {batch_size}, nats", log_batch),
        Quantity("information, at least, nats", *own),
        Quantity("information, sum over codes, nats", factor_information),
    )
    expected = f"a pull of at least {LEAST_PULL:g}, and information above 0 and not much above log {batch_size}"
    verdict, sentence, advice = Verdict.FINE, "", ""
    limit = next((nats for kind, nats in MOST_NATS.items() if isinstance(held_out.loss, kind)), None)
    if own[0] + 3 * own[1] < LEAST_INFORMATION:
        verdict = Verdict.LOOK
        sentence = f"the codes tell at most {max(own[0] + 3 * own[1], 0):.2f} nats about the other member of a pair"
        advice = "check that rows of both members belong together; train longer or at a larger learning rate"
    elif limit is not None and max(own[0] - 3 * own[1], factor_information) > limit:
        name = type(held_out.loss).__name__
        verdict = Verdict.LOOK
        sentence = f"pairs carry about {max(own[0], factor_information):.1f} nats, where {name} is too noisy to train"
        advice = f"use InfoNCE or NCE, or pairs that are farther apart ({name} serves up to {limit:g} nats)"
    elif limit is None and left + 3 * error < LEAST_PULL:
        verdict = Verdict.LOOK
        sentence = (
            f"among {batch_size} candidates {1 - left:.1%} of the answer is known already: pairs carry about"
            f" {max(own[0], factor_information):.1f} nats and a batch can tell {log_batch:.1f} apart"
        )
        advice = "use larger batches, neighbourhood batches, or pairs that are farther apart (longer lags, more jitter)"
    elif limit is None and left - 3 * error < LEAST_PULL:
        verdict, advice = Verdict.CANNOT_TELL, "hold out more pairs"
        sentence = f"the pull left among {batch_size} candidates, {left:.2f}, lies near the least useful one"
    else:
        sentence = (
            f"pairs carry about {max(own[0], factor_information):.1f} nats and a batch can tell {log_batch:.1f} apart"
        )
    return Check("saturation", measured, expected, verdict, sentence, advice)


def _bound(held_out: HeldOut) -> tuple[float, float]:
    """Return ``log m`` minus the InfoNCE loss among the m candidates of a block, a lower bound, and its error."""
    values = []
    for block in held_out.blocks:
        counts = block.admissible.sum(1).double()
        everything = torch.cat((block.positive_logits[:, None], block.other_logits), 1)
        values.append(block.positive_logits - torch.logsumexp(everything, 1) + (counts + 1.0).log())
    return _mean(held_out, torch.cat(values))


def _mean(held_out: HeldOut, values: torch.Tensor) -> tuple[float, float]:
    """Return the mean of a number per row, rows being in the order of the blocks, and its error over units."""
    order = torch.cat([block.rows for block in held_out.blocks])
    units = held_out.units[order].numpy()
    mean = float(values.mean())
    sums = np.bincount(units, weights=values.numpy() - mean)
    return mean, float(np.sqrt((sums**2).sum()) / len(values))
