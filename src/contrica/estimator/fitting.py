"""Training with an eye on rows that are held out: the best parameters are kept, and training ends when none come.

Every fortieth of the steps the loss is taken on fixed held-out pairs. The parameters of its smallest value are those
that remain; ``patience`` values in a row that are no smaller end the training. Without held-out rows training goes to
its last step and keeps what it has there.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from contrica.critics import Critic
from contrica.errors import RecordError
from contrica.estimator.looking import mean_loss
from contrica.estimator.sources import DrawnRows
from contrica.estimator.turning import Turns
from contrica.losses import Loss
from contrica.pairs import PairBatch
from contrica.saving import Checkpoints
from contrica.training import StepRecord, TrainingOptions, TrainingState, held_interrupts, train
from contrica.training.module_tensors import put_tensors, tensors_of

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
        Whose parameters are kept.
    kept : list of dict of Tensor, or None
        Parameters and buffers of encoder and critic after that step, where rows were held out.
    interruption : KeyboardInterrupt or None
        What ended training early, if the user did.
    """

    losses: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    best_step: int = 0
    kept: list[dict[str, Tensor]] | None = None
    interruption: KeyboardInterrupt | None = None

    @property
    def best(self) -> float:
        """The smallest held-out loss, infinite before the first."""
        return min((value for _, value in self.held_out), default=math.inf)

    def since_best(self) -> int:
        """Count the held-out losses after the smallest."""
        return sum(step > self.best_step for step, _ in self.held_out)

    def look(self, step: int, value: float, encoder: nn.Module, critic: Critic) -> None:
        """Note the held-out loss after ``step``, and keep the parameters if it is the smallest."""
        better = value < self.best
        self.held_out.append((step, value))
        if better:
            modules = (encoder, critic)
            self.best_step = step
            self.kept = [{name: entry.clone() for name, entry in tensors_of(module).items()} for module in modules]

    def put_back(self, encoder: nn.Module, critic: Critic) -> None:
        """Leave the best parameters in place."""
        if self.kept is None:
            self.best_step = len(self.losses)
            return
        for module, state, name in zip((encoder, critic), self.kept, ("the encoder", "the critic"), strict=True):
            put_tensors(module, state, name)

    def notes(self) -> dict[str, Any]:
        """Return what a checkpoint has to keep, with the state of torch's generator, which dropout draws from."""
        values = [value for _, value in self.held_out]
        return {
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "steps": [step for step, _ in self.held_out],
            "values": torch.tensor(values, dtype=torch.float64),
            "best_step": self.best_step,
            "kept": self.kept,
            "torch": torch.get_rng_state(),
        }

    @classmethod
    def of(cls, state: TrainingState | None) -> "Curve":
        """Return what a checkpoint has kept, and put torch's generator back where it was.

        Raises
        ------
        RecordError
            If it has not.
        """
        match {} if state is None else dict(state.notes):
            case {
                "losses": Tensor() as losses,
                "steps": list(steps),
                "values": Tensor() as values,
                "best_step": int(best_step),
                "kept": (list() | None) as kept,
                "torch": Tensor() as generator,
            } if len(steps) == len(values):
                torch.set_rng_state(generator)
                return cls(losses.tolist(), list(zip(steps, values.tolist(), strict=True)), best_step, kept)
        if state is None:
            return cls()
        raise RecordError("a checkpoint must be of a ContrastiveICA, and it lacks its notes; start anew elsewhere")


def fit_parts(
    encoder: nn.Module,
    critic: Critic,
    loss: Loss,
    source: DrawnRows,
    *,
    held_out: Sequence[PairBatch],
    options: TrainingOptions,
    patience: int | None,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    turns: Turns | None = None,
    checkpoints: Checkpoints | None = None,
    resume_from: TrainingState | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Curve:
    """Train encoder and critic in place, leave the best parameters in them, and return what was seen.

    A KeyboardInterrupt ends training after the step that it comes in, and is handed back in the curve. Where there are
    checkpoints, one is written when it is due, at an interrupt and at the end, each with the ``notes`` of the caller.
    """
    every = max(1, options.steps // VALUES)
    encoder.train()
    training = train(encoder, critic, loss, source, options=options, generator=generator, resume_from=resume_from)
    curve = Curve.of(resume_from)

    def write() -> None:
        if checkpoints is not None:
            checkpoints.write(training.state({**curve.notes(), **(notes or {})}))

    try:
        with held_interrupts() as interrupts:
            while not (patience is not None and curve.since_best() >= patience):
                record = next(training, None)
                if record is None:
                    break
                curve.losses.append(record.loss)
                if turns is not None:
                    turns.after(record.step, encoder, critic, loss, source, held_out)
                if held_out and (record.step % every == 0 or record.step == options.steps):
                    curve.look(record.step, mean_loss(encoder, critic, loss, held_out), encoder, critic)
                if on_step is not None:
                    on_step(record)
                if interrupts.asked:
                    curve.interruption = KeyboardInterrupt()
                    break
                if checkpoints is not None and checkpoints.is_due(record.step):
                    write()
            write()
    except KeyboardInterrupt as interruption:
        curve.interruption = interruption
    curve.put_back(encoder, critic)
    encoder.eval()
    return curve
