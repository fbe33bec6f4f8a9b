"""Fitting an encoder and a critic to pairs."""

from contrica.training.checkpoint import StatefulSource, TrainingState
from contrica.training.freed_memory import keep_freed_memory
from contrica.training.interrupts import Interrupts, held_interrupts
from contrica.training.loop import StepRecord, Training, train
from contrica.training.options import TrainingOptions

__all__ = [
    "Interrupts",
    "StatefulSource",
    "StepRecord",
    "Training",
    "TrainingOptions",
    "TrainingState",
    "held_interrupts",
    "keep_freed_memory",
    "train",
]
