"""A fit of codes to a task: the encoder of its inputs, trained on pairs of training rows, and what it makes of all."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.dissimilarities import Dissimilarity
from contrica.encoders import MLP, Conv, PerRecording, ScalarNet
from contrica.encoders.layers import NEGATIVE_SLOPE
from contrica.losses import Loss
from contrica.pairs import ChangedPairs, Dropout, PairBatch, PairSource
from contrica.recordings.task import Array, Rows, Task
from contrica.training import StepRecord, TrainingOptions, train

CURVE_POINTS = 24
HELD_OUT_BATCHES = 4

ENCODED_AT_ONCE = 1024
"""Rows that go through the encoder together."""


@dataclass(frozen=True)
class Model:
    """What is fitted to a task.

    Parameters
    ----------
    code_dim : int
    widths : tuple of int
        Hidden units of the encoder, or channels where rows are images.
    dissimilarity : Dissimilarity
        As it starts; each fit trains a copy.
    dropped : float
        Share of the columns that each side of a pair loses at random, so that codes cannot rest on single ones.
    candidate_offset : bool
        Whether the critic learns alpha~, for rows that are not spread evenly in the codes.
    negative_slope : float
        Of the encoder's leaky rectifiers, in [0, 1).
    """

    code_dim: int
    dissimilarity: Dissimilarity
    widths: tuple[int, ...] = (64, 64)
    dropped: float = 0.5
    candidate_offset: bool = False
    negative_slope: float = NEGATIVE_SLOPE


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted encoder and critic, the codes of all rows, and how the fit went."""

    encoder: nn.Module
    critic: Critic
    codes: Array
    curve: list[dict[str, float]]
    chance: float
    seconds: float
    processor_seconds: float


class OfColumns:
    """A change of all columns but the first, which says what recording a row is of."""

    def __init__(self, change: Dropout) -> None:
        """Keep the change."""
        self.change = change

    def __call__(self, observations: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the rows, changed."""
        return torch.cat([observations[:, :1], self.change(observations[:, 1:], generator=generator)], dim=1)


def fit(
    task: Task,
    model: Model,
    loss: Loss,
    options: TrainingOptions,
    *,
    seed: int,
    rows: Rows | None = None,
    with_curve: bool = False,
    on_step: Callable[[StepRecord], None] | None = None,
) -> Fit:
    """Train on pairs of ``rows``, all training rows if not given, and encode every row.

    Raises
    ------
    ContricaError
        If rows make no pairs, or the training breaks.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = task.rows("train") if rows is None else rows
    source = _source(task, model, chosen)
    options = _fitting(options, len(chosen))
    encoder = _encoder(task, model, generator)
    encoder.start_from(task.inputs[torch.from_numpy(chosen)])
    critic = Critic(copy.deepcopy(model.dissimilarity), candidate_offset=_offset(task, model, chosen, generator))
    held_out = held_out_pairs(task, model, options.batch_size, seed=seed) if with_curve else []
    every = max(1, options.steps // CURVE_POINTS)
    curve: list[dict[str, float]] = []
    wall, processor, aside = time.perf_counter(), time.process_time(), [0.0, 0.0]
    for record in train(encoder, critic, loss, source, options=options, generator=generator):
        if on_step is not None:
            on_step(record)
        if held_out and (record.step == 1 or record.step % every == 0 or record.step == options.steps):
            begun = time.perf_counter(), time.process_time()
            curve.append({"step": record.step, "loss": _mean_loss(encoder, critic, loss, held_out)})
            aside = [aside[0] + time.perf_counter() - begun[0], aside[1] + time.process_time() - begun[1]]
    return Fit(
        encoder=encoder,
        critic=critic,
        codes=_codes(encoder, task.inputs),
        curve=curve,
        chance=math.log(len(held_out[0].anchors) if held_out else options.batch_size),
        seconds=time.perf_counter() - wall - aside[0],
        processor_seconds=time.process_time() - processor - aside[1],
    )


def held_out_pairs(task: Task, model: Model, batch_size: int, *, seed: int) -> list[PairBatch]:
    """Return pairs of validation and test rows, changed as those of the training are."""
    rows = np.flatnonzero(np.isin(task.roles, ("validation", "test")))
    generator = torch.Generator().manual_seed(seed)
    source = _source(task, model, rows)
    size = min(batch_size, len(rows) // 2)
    return [source.draw(size, generator=generator) for _ in range(HELD_OUT_BATCHES)]


def _source(task: Task, model: Model, rows: Rows) -> PairSource:
    if model.dropped == 0.0:
        return task.pairs(rows)
    change = Dropout(model.dropped)
    return ChangedPairs(task.pairs(rows), change if task.widths is None else OfColumns(change))


def _fitting(options: TrainingOptions, num_rows: int) -> TrainingOptions:
    """Return the options with a batch that is no larger than the rows."""
    return replace(options, batch_size=min(options.batch_size, num_rows))


def _encoder(task: Task, model: Model, generator: torch.Generator) -> MLP | Conv | PerRecording:
    shape, widths, slope = task.inputs.shape[1:], model.widths, model.negative_slope

    def perceptron(width: int) -> MLP:
        return MLP(width, model.code_dim, widths=widths, negative_slope=slope, generator=generator)

    if task.widths is not None:
        return PerRecording([perceptron(width) for width in task.widths], task.widths)
    if len(shape) == 1:
        return perceptron(shape[0])
    return Conv(shape[0], shape[1], model.code_dim, widths=widths, negative_slope=slope, generator=generator)


def _offset(task: Task, model: Model, rows: Rows, generator: torch.Generator) -> ScalarNet | None:
    if not model.candidate_offset:
        return None
    network = ScalarNet(task.inputs.shape[1:], generator=generator)
    network.start_from(task.inputs[torch.from_numpy(rows)])
    return network


@torch.no_grad()
def _mean_loss(encoder: nn.Module, critic: Critic, loss: Loss, batches: list[PairBatch]) -> float:
    return float(torch.stack([pair_loss(encoder, critic, loss, batch) for batch in batches]).mean())


@torch.no_grad()
def _codes(encoder: nn.Module, inputs: Tensor) -> Array:
    return np.concatenate([encoder(part).double().numpy() for part in inputs.split(ENCODED_AT_ONCE)])
