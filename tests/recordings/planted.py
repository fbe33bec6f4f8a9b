"""A recording whose answer is known: a slow walk in the plane behind ten noisy columns, or nothing at all."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from contrica.dissimilarities import SquaredEuclidean
from contrica.recordings import Model, RecordingExperiment, View
from contrica.recordings.decoders import place_scores
from contrica.recordings.series import series_task
from contrica.recordings.task import roles_of
from contrica.training import TrainingOptions

ROWS, PIECE = 1500, 25


@dataclass(frozen=True)
class Walk:
    """Columns that show a walk, or, with ``empty``, that have nothing to do with it."""

    empty: bool = False
    source: ClassVar[str] = "walk.npy"

    def task(self, seed):
        """Walk."""
        rng = np.random.default_rng(seed)
        angles = np.cumsum(0.15 * rng.normal(size=(ROWS, 2)), axis=0)
        places = 0.5 + 0.5 * np.sin(angles)
        loud = 2.0 * rng.normal(size=(ROWS, 4))
        seen = rng.normal(size=(ROWS, 6)) if self.empty else np.tanh(2 * places @ rng.normal(size=(2, 6)))
        inputs = np.concatenate([loud, seen + 0.05 * rng.normal(size=seen.shape)], axis=1)
        pieces = np.arange(ROWS) // PIECE
        return series_task(
            torch.tensor(inputs, dtype=torch.float32),
            pieces,
            roles_of(pieces, seed=0),
            lags=range(1, 4),
            labels=places,
            decoder=lambda truth: partial(place_scores, truth),
            view=View("position", "plane", places),
        )


def experiment(*, empty=False, **settings):
    """A small experiment on it."""
    training = TrainingOptions(steps=settings.pop("steps", 60), batch_size=128, learning_rate=4e-3)
    model = Model(2, SquaredEuclidean(), widths=(32,), dropped=0.0)
    return RecordingExperiment("planted", Walk(empty=empty), model, training, **settings)
