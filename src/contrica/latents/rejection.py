"""Rejection sampling of many laws at once, one per anchor, that cannot hang.

A round makes as many proposals for each anchor that still waits as fill it, and more of them for each as fewer wait, so
that the last few anchors cost a round or two, not some thousand. (von Neumann 1951.)
"""

from collections.abc import Callable

import torch
from torch import Tensor

from contrica.errors import DomainError

LEAST_PER_ROUND, MOST_PER_ROUND = 2048, 65536
"""Proposals of a round: fewer cost no less time, and more too much memory."""

PATIENCE = 2**20
"""Proposals in a row that may all be refused before the law counts as one that cannot be drawn."""

Propose = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps the numbers of anchors, of shape (rows,), to a proposal for each, (rows, dim), and whether it is accepted."""


def accepted(propose: Propose, *, num_anchors: int, dim: int, advice: str) -> Tensor:
    """Return one accepted proposal per anchor, float64, of shape (num_anchors, dim).

    Raises
    ------
    DomainError
        If 2^20 proposals in a row are refused; the message ends with ``advice``.
    """
    found = torch.empty(num_anchors, dim, dtype=torch.float64)
    waiting = torch.arange(num_anchors)
    most_copies, refused = 1, 0
    while len(waiting):
        copies = max(1, LEAST_PER_ROUND // len(waiting), min(most_copies, MOST_PER_ROUND // len(waiting)))
        proposals, sound = propose(waiting.repeat_interleave(copies))
        sound = sound.reshape(-1, copies)
        done = sound.any(1)
        first = sound[done].to(torch.uint8).argmax(1)
        found[waiting[done]] = proposals.reshape(-1, copies, dim)[done, first]
        refused = 0 if bool(done.any()) else refused + sound.numel()
        if refused >= PATIENCE:
            raise DomainError(f"some proposals must be accepted, got none of {refused} in a row; {advice}")
        waiting = waiting[~done]
        most_copies *= 2
    return found
