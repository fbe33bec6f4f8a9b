"""Turns the codes to the axes along which pairs differ, some times while training goes on, where that helps.

Which axes are true is worth hundredths of a nat, and training alone is slow to find them; see `contrica.training.axes`.
A turn changes parameters and not the objective, and it stays only where it makes the loss smaller at once: an encoder
that knows the axes is not disturbed by another estimate of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP, Unbounded
from contrica.errors import DomainError, UnreliableScoreError
from contrica.estimator.looking import device_of, mean_loss
from contrica.estimator.sources import DrawnRows
from contrica.estimator.streams import Streams
from contrica.losses import Loss
from contrica.pairs import PairBatch
from contrica.training.axes import turn_to_axes
from contrica.training.module_tensors import put_tensors, tensors_of

AT = (0.25, 0.375, 0.5)
"""Shares of the steps after which codes are turned: later than codes are found, early enough to train on."""

PAIRS = 4096
"""Pairs from whose differences the axes are estimated."""


@dataclass(frozen=True)
class Turns:
    """When codes are turned, and where the pairs come from."""

    steps: frozenset[int]
    streams: Streams

    @classmethod
    def of(cls, steps: int, streams: Streams) -> "Turns":
        """Return the turns of a training of so many steps."""
        return cls(frozenset(round(share * steps) for share in AT), streams)

    def after(
        self,
        step: int,
        encoder: nn.Module,
        critic: Critic,
        loss: Loss,
        source: DrawnRows,
        held_out: Sequence[PairBatch],
    ) -> None:
        """Turn the codes if it is time, if they can be turned, and if the loss then is smaller.

        Parameters
        ----------
        step : int
            That was just made.
        encoder, critic, loss
            Only an unbounded `MLP` with a power sum of one exponent other than 2 is turned.
        source : DrawnRows
            Of pairs that training sees.
        held_out : sequence of PairBatch
            On which the loss is compared; the pairs that the axes come from, if there are none.
        """
        exponent = critic.dissimilarity.fixed_exponent if isinstance(critic.dissimilarity, PowerSum) else None
        if step not in self.steps or exponent is None or exponent == 2.0:
            return
        if not isinstance(encoder, MLP) or not isinstance(encoder.output, Unbounded):
            return
        generator = self.streams.named(f"turn after step {step}")
        before = {name: tensor.clone() for name, tensor in tensors_of(encoder).items()}
        try:
            pairs = source.draw(min(PAIRS, source.num_rows), generator=generator).to(device_of(encoder))
            batches = held_out or [pairs]
            old = mean_loss(encoder, critic, loss, batches)
            turn_to_axes(encoder, pairs, exponent=exponent)
        except (DomainError, UnreliableScoreError):  # too few pairs, or codes that do not differ yet
            return
        if not mean_loss(encoder, critic, loss, batches) < old:
            put_tensors(encoder, before, "the encoder")
