"""Training with an eye on rows that are held out: the best parameters are kept, and training ends when none come.

Every fortieth of the steps the loss is taken on fixed held-out pairs. The parameters of its smallest value are those
that remain; ``patience`` values in a row that are no smaller end the training. Without held-out rows training goes to
its last step and keeps what it has there.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.losses import Loss
from contrica.pairs import PairBatch, PairSource
from contrica.training import StepRecord, TrainingOptions, train

VALUES = 40
"""How often the held-out loss is taken in a training that goes to its end."""

OnStep = Callable[[StepRecord], None]


@dataclass
class Curve:
    """What training saw.

    Attributes
    ----------
    losses : list of float
        In nats, of each step's batch ahead of its update.
    held_out : list of (int, float)
        After which step the held-out loss was taken, and its value in nats.
    best_step : int
        Whose parameters were kept.
    interruption : KeyboardInterrupt or None
        What ended training early, if the user did.
    """

    losses: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    best_step: int = 0
    interruption: KeyboardInterrupt | None = None

    @property
    def best(self) -> float:
        """The smallest held-out loss, infinite before the first."""
        return min((value for _, value in self.held_out), default=math.inf)

    def since_best(self) -> int:
        """Count the held-out losses after the smallest."""
        return sum(step > self.best_step for step, _ in self.held_out)


def fit_parts(
    encoder: nn.Module,
    critic: Critic,
    loss: Loss,
    source: PairSource,
    *,
    held_out: Sequence[PairBatch],
    options: TrainingOptions,
    patience: int | None,
    generator: torch.Generator,
    on_step: OnStep | None = None,
) -> Curve:
    """Train encoder and critic in place, leave the best parameters in them, and return what was seen.

    A KeyboardInterrupt ends training like patience does, and is handed back in the curve.
    """
    curve = Curve()
    every = max(1, options.steps // VALUES)
    kept: list[dict[str, Tensor]] | None = None
    encoder.train()
    try:
        for record in train(encoder, critic, loss, source, options=options, generator=generator):
            curve.losses.append(record.loss)
            if on_step is not None:
                on_step(record)
            if not held_out or (record.step % every and record.step != options.steps):
                continue
            value = mean_loss(encoder, critic, loss, held_out)
            better = value < curve.best
            curve.held_out.append((record.step, value))
            if better:
                curve.best_step, kept = record.step, _state(encoder, critic)
            elif patience is not None and curve.since_best() >= patience:
                break
    except KeyboardInterrupt as interruption:
        curve.interruption = interruption
    if kept is None:
        curve.best_step = len(curve.losses)
    else:
        for module, state in zip((encoder, critic), kept, strict=True):
            module.load_state_dict(state)
    encoder.eval()
    return curve


@torch.no_grad()
def mean_loss(encoder: nn.Module, critic: Critic, loss: Loss, batches: Sequence[PairBatch]) -> float:
    """Return the mean loss of ``batches`` in nats, with the encoder in evaluation mode."""
    training = encoder.training
    encoder.eval()
    values = [float(pair_loss(encoder, critic, loss, batch)) for batch in batches]
    encoder.train(training)
    return sum(values) / len(values)


def _state(encoder: nn.Module, critic: Critic) -> list[dict[str, Tensor]]:
    return [{name: value.clone() for name, value in module.state_dict().items()} for module in (encoder, critic)]
