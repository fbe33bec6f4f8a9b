"""Which term of the objective was the first to be NaN or infinite.

The terms are looked at in the order in which they are computed: observations, parameters, codes, offsets, positive
dissimilarities, and what is left is the reduction over the negatives. Only run when the loss is known to be bad.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from contrica.critics import Critic
from contrica.pairs.batch import PairBatch


@torch.no_grad()
def first_bad_term(encoder: nn.Module, critic: Critic, batch: PairBatch) -> str:
    """Name the first term of the loss of ``batch`` that is not finite."""
    for name in ("anchors", "positives", "negatives"):
        observations = getattr(batch, name)
        if observations is not None and not _finite(observations):
            return f"the {name} of the batch"
    if not all(map(_finite, batch.wider)):
        return "the wider positives of the batch"
    named = [*_named(encoder, "encoder"), *_named(critic, "critic")]
    for name, parameter in named:
        if not _finite(parameter):
            return f"the parameter {name}"
    anchor_codes, positive_codes = encoder(batch.anchors), encoder(batch.positives)
    for name, codes in (("anchors", anchor_codes), ("positives", positive_codes)):
        if not _finite(codes):
            return f"the codes of the {name}"
    anchors = critic.anchors(anchor_codes, batch.anchors)
    candidates = critic.candidates(positive_codes, batch.positives)
    if not _finite(anchors.offsets):
        return "the anchor offset"
    if not _finite(candidates.offsets):
        return "the candidate offset"
    if not _finite(critic.paired_logits(anchors, candidates)):
        return "the dissimilarity of the positive pairs"
    return "the reduction over the negatives"


def first_bad_gradient(encoder: nn.Module, critic: Critic) -> str:
    """Name the first parameter whose gradient is not finite."""
    for name, parameter in (*_named(encoder, "encoder"), *_named(critic, "critic")):
        if parameter.grad is not None and not _finite(parameter.grad):
            return f"the gradient of {name}"
    return "the norm of all gradients together, each of which is finite"


def _named(module: nn.Module, owner: str) -> Iterable[tuple[str, nn.Parameter]]:
    return ((f"{owner}.{name}", parameter) for name, parameter in module.named_parameters())


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())
