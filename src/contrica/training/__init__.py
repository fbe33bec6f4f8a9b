"""Fitting an encoder and a critic to pairs."""

from contrica.training.loop import StepRecord, train
from contrica.training.options import TrainingOptions

__all__ = ["StepRecord", "TrainingOptions", "train"]
