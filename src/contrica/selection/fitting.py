"""Fits of several dissimilarities on equal terms: one common start, turned to the axes of the pair differences.

A squared Euclidean delta gives codes that are affine in the factors whatever the noise, and smoothly so. From there

    M = ICA(h - h~),   rows scaled so that mean |M (h - h~)|^p = 1/p,   f_p = M_p f

is the start of each exponent p, which is then trained for a while. Nobody has to find the axes by itself, where on the
wrong side of 2 it would be caught by mixed ones, and differences of loss are those of the family.
"""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from contrica.critics import Critic
from contrica.dissimilarities import PowerSum, SquaredEuclidean
from contrica.losses import Loss
from contrica.pairs.batch import PairSource
from contrica.training import TrainingOptions, train
from contrica.training.axes import unmixing

TURN_PAIRS = 16_384
"""Pairs from whose differences the axes are estimated."""

REFIT_SHARE = 0.4
"""Share of the first fit's steps that each candidate is trained for."""

REFIT_RATE = 1.0 / 3.0
"""Share of its peak rate: the encoder is nearly there, and a large step would undo it."""

LEARNED_BATCH = 128
"""Pairs per step where exponents are learned: their slope |t|^p log |t| costs ten times that of a fixed one."""

LEARNED_SHARE = 0.7
"""Share of the steps there: an exponent has to come from the other side of 2."""

EXPONENT_RATE = 5.0
"""Times the encoder's rate: log p crosses from log 3 to log 1 in some tens of steps."""


class CommonStart:
    """Encoder and critic after a fit by squared distances, with the axes of what pairs differ by.

    Parameters
    ----------
    encoder, critic, loss, source, options
        As `contrica.train` takes them; encoder and critic are copied.
    generator : torch.Generator
    """

    def __init__(
        self,
        encoder: nn.Module,
        critic: Critic,
        loss: Loss,
        source: PairSource,
        options: TrainingOptions,
        generator: torch.Generator,
    ) -> None:
        self.encoder, self.critic = copy.deepcopy(encoder), copy.deepcopy(critic)
        self.critic.dissimilarity = SquaredEuclidean()
        self.loss, self.source, self.options = loss, source, options
        _exhaust(self.encoder, self.critic, loss, source, options, generator)
        self.differences = _differences(self.encoder, source, options.batch_size, generator)
        self.turn = unmixing(self.differences)

    def refitted(
        self, exponent: float, *, learned: bool, generator: torch.Generator
    ) -> tuple[nn.Sequential, Critic, PowerSum]:
        """Return encoder and critic trained on from here, and the dissimilarity they were trained with."""
        dim = len(self.turn)
        moments = (self.differences @ self.turn.T).abs().pow(exponent).mean(0) * exponent
        head = nn.utils.skip_init(nn.Linear, dim, dim, bias=False, device=self.differences.device)
        with torch.no_grad():
            head.weight.copy_(self.turn / moments.pow(1.0 / exponent)[:, None])
        encoder, critic = nn.Sequential(copy.deepcopy(self.encoder), head), copy.deepcopy(self.critic)
        delta = PowerSum(dim, exponent=exponent, learnable_exponent=learned)
        critic.dissimilarity = delta
        options = replace(
            self.options,
            steps=max(1, round((LEARNED_SHARE if learned else REFIT_SHARE) * self.options.steps)),
            learning_rate=REFIT_RATE * self.options.learning_rate,
        )
        if learned:
            batch_size = min(LEARNED_BATCH, options.batch_size)
            options = replace(options, batch_size=batch_size, dissimilarity_learning_rate_factor=EXPONENT_RATE)
        _exhaust(encoder, critic, self.loss, self.source, options, generator)
        return encoder, critic, delta


def device_of(encoder: nn.Module) -> torch.device:
    """Return the device that the encoder lies on."""
    return next((parameter.device for parameter in encoder.parameters()), torch.device("cpu"))


def _exhaust(
    encoder: nn.Module,
    critic: Critic,
    loss: Loss,
    source: PairSource,
    options: TrainingOptions,
    generator: torch.Generator,
) -> None:
    for _ in train(encoder, critic, loss, source, options=options, generator=generator):
        pass


@torch.no_grad()
def _differences(encoder: nn.Module, source: PairSource, batch_size: int, generator: torch.Generator) -> Tensor:
    device = device_of(encoder)
    parts = []
    for _ in range(-(-TURN_PAIRS // batch_size)):  # a finite source may have no more pairs than a batch
        batch = source.draw(batch_size, generator=generator).to(device)
        parts.append(encoder(batch.anchors) - encoder(batch.positives))
    return torch.cat(parts).double()
