"""What a fit leaves behind: enough to encode rows, and to say what a pair of them shares."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from contrica.critics import Critic
from contrica.estimator.looking import device_of, mean_loss
from contrica.estimator.observations import Array, blocks, refuse_nonfinite
from contrica.estimator.sources import Pairing, Rows
from contrica.estimator.streams import Streams
from contrica.losses import InfoNCE, Loss

SCORED_BATCHES = 8
"""Batches that a score is the mean of."""

SCORED_CANDIDATES = 1024
"""Candidates among which the positive is looked for in a score, so that a score is at most the logarithm of this."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained encoder and critic, with the units they see rows in and the rules by which rows were paired.

    Attributes
    ----------
    encoder : torch module
        In evaluation mode.
    critic : Critic
    loss : Loss
    pairing : Pairing
    shape : tuple of int
        Of one observation.
    seed : int
        From which all random numbers came.
    """

    encoder: nn.Module
    critic: Critic
    loss: Loss
    pairing: Pairing
    shape: tuple[int, ...]
    seed: int

    @property
    def device(self) -> torch.device:
        """Where the encoder lies."""
        return device_of(self.encoder)

    @torch.no_grad()
    def codes(self, observations: Array, num_codes: int) -> Array:
        """Return the codes of ``observations``, block by block: float32 for floating rows up to it, else float64.

        Raises
        ------
        DomainError
            If a row is not finite.
        """
        small = observations.dtype.kind == "f" and observations.dtype.itemsize <= np.dtype(np.float32).itemsize
        # In float64 the code of a row depends on the rows beside it by float64's rounding at most.
        encoder = self.encoder if small else copy.deepcopy(self.encoder).double()
        dtype = self.pairing.dtype if small else torch.float64
        codes = np.empty((len(observations), num_codes), np.float32 if small else np.float64)
        for block in blocks(observations):
            refuse_nonfinite(observations[block], "X", first_row=block.start)
            # in one order of memory, for products of matrices round differently in another
            scaled = torch.from_numpy(np.array(self.pairing.scaling(observations[block]), order="C"))
            codes[block] = encoder(scaled.to(self.device, dtype)).cpu().numpy()
        return codes

    def information(self, rows: Rows) -> float:
        """Return a lower bound, in nats, on what the members of a pair of ``rows`` share, as the critic finds it.

            log K - mean cost of picking the positive among K candidates

        The same rows give the same number.
        """
        source = self.pairing.source(rows, rows.order)
        size = min(SCORED_CANDIDATES, source.num_rows)
        generator = Streams(self.seed).named("score")
        batches = [source.draw(size, generator=generator).to(self.device) for _ in range(SCORED_BATCHES)]
        return math.log(size) - mean_loss(self.encoder, self.critic, InfoNCE(), batches)
