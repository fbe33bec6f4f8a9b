"""A queue of past candidates: many negatives for the price of a few encodings.

    negatives of a batch = its own x~ and those of the last batches, as they were encoded then

The x~ of past batches are fresh draws of p(x~), so with codes as the encoder would give them now the optimum is exact.
Codes from before an update are stale: their law is that of an older encoder, and the optimum moves by as much as the
codes do in the time a code stays in the queue. That is little where the rate is low: fill it late, or keep it short.
(He et al. 2020, arXiv 1911.05722, without the second encoder.)
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from contrica import _checks
from contrica.contrast import contrast
from contrica.critics import Critic, Side
from contrica.errors import DomainError, DtypeError, RecordError, ShapeError
from contrica.losses import Loss
from contrica.pairs.batch import PairBatch
from contrica.pairwise import PairPlan


class CandidateQueue:
    """Keeps the last ``size`` candidates, codes and offsets, without their graphs.

    Examples
    --------
    >>> queue = CandidateQueue(3)
    >>> queue.push(Side(torch.zeros(2, 5), torch.zeros(2)))
    >>> queue.push(Side(torch.ones(2, 5), torch.zeros(2)))
    >>> queue.candidates.codes[:, 0]
    tensor([0., 1., 1.])
    """

    def __init__(self, size: int) -> None:
        """Start empty."""
        self.size = _checks.count(size, "size")
        self._kept: Side | None = None

    @property
    def candidates(self) -> Side:
        """What is in the queue, the oldest first.

        Raises
        ------
        ShapeError
            If nothing has been pushed yet.
        """
        if self._kept is None:
            raise ShapeError("a queue must hold candidates before it is asked for them, got an empty one; push some")
        return self._kept

    def push(self, candidates: Side) -> None:
        """Append copies of ``candidates`` and forget the oldest beyond the size.

        Raises
        ------
        ShapeError, DtypeError
            If they are no Side, or have another number of columns than those before.
        """
        if not isinstance(candidates, Side):
            raise DtypeError(f"candidates must be a Side, got {type(candidates).__name__}; take critic.candidates(...)")
        codes, offsets = candidates.codes.detach().clone(), candidates.offsets.detach().clone()
        if self._kept is not None:
            if codes.shape[1:] != self._kept.codes.shape[1:]:
                raise ShapeError(
                    f"codes must have {self._kept.codes.shape[1]} columns like those in the queue, got"
                    f" {tuple(codes.shape)}; start another queue"
                )
            codes = torch.cat((self._kept.codes, codes))
            offsets = torch.cat((self._kept.offsets, offsets))
        self._kept = Side(codes[-self.size :], offsets[-self.size :])

    def beside(self, positives: Side) -> tuple[Side, PairPlan]:
        """Return the batch's positives with the queue behind them, and the plan that leaves out each own positive.

        Pass both to `contrica.contrast.contrast` as ``negatives`` and ``plan``; push the positives afterwards.
        """
        own: Tensor = torch.arange(len(positives.codes), device=positives.codes.device)
        if self._kept is None:
            return positives, PairPlan(exclude=(own, own))
        past = torch.full((len(self._kept.codes),), -1, dtype=own.dtype, device=own.device)
        codes = torch.cat((positives.codes, self._kept.codes.to(positives.codes)))
        offsets = torch.cat((positives.offsets, self._kept.offsets.to(positives.offsets)))
        return Side(codes, offsets), PairPlan(exclude=(own, torch.cat((own, past))))

    def state(self) -> dict[str, Tensor]:
        """Return codes and offsets; nothing before the first push."""
        return {} if self._kept is None else {"codes": self._kept.codes, "offsets": self._kept.offsets}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Hold what `state` returned.

        Raises
        ------
        RecordError
            If it is no such state.
        """
        if not state:
            self._kept = None
            return
        codes, offsets = state.get("codes"), state.get("offsets")
        fits = codes is not None and offsets is not None and codes.ndim == 2 and offsets.shape == codes.shape[:1]
        if codes is None or offsets is None or not fits or not 0 < len(codes) <= self.size:
            raise RecordError(f"the state of a queue must hold up to {self.size} codes and as many offsets; start anew")
        self._kept = Side(codes.to(device, copy=True), offsets.to(device, copy=True))


def queued_loss(
    encode: Callable[[Tensor], Tensor], critic: Critic, loss: Loss, batch: PairBatch, queue: CandidateQueue
) -> Tensor:
    """Return the loss of a batch against its own x~ and those in the queue, and put its own there.

    Raises
    ------
    DomainError
        If the batch has groups, cells or negatives of its own, which say nothing of past batches, or wider positives;
        or the loss lets candidates choose among anchors.
    """
    if batch.groups is not None or batch.cells is not None or batch.negatives is not None or batch.wider:
        raise DomainError(
            "a queue needs independent pairs, got a batch with groups, cells, negatives or wider positives; leave"
            " queue_size out"
        )
    codes = encode(torch.cat((batch.anchors, batch.positives))).split(batch.num_pairs)
    anchors, positives = critic.anchors(codes[0], batch.anchors), critic.candidates(codes[1], batch.positives)
    candidates, plan = queue.beside(positives)
    value = contrast(loss, critic, anchors, positives, negatives=candidates, plan=plan)
    queue.push(positives)
    return value
