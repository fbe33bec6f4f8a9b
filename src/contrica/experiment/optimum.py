"""How far a fitted model stays from the best value of its loss, beside the exact log density ratio or one of draws."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.errors import NoDensityError
from contrica.experiment.settings import Experiment
from contrica.latents import LatentModel, SampledRatio
from contrica.optima import best_loss, in_nats, oracle_loss
from contrica.pairs import PairBatch, SimulatedPairs

SAMPLED_BATCHES = 8
"""Batches whose best loss is taken by a `SampledRatio`, where there is no exact one."""

SAMPLED_PAIRS = 1024
"""Pairs over which the information is averaged by a `SampledRatio`."""

OPTIMUM_PAIRS = 2**23
"""Anchors times candidates over which the optimum is averaged, about, in `optimum_batches` batches."""


@torch.no_grad()
def mean_loss(experiment: Experiment, encoder: nn.Module, critic: Critic, batches: list[PairBatch]) -> float:
    """Return the loss of a model, averaged over batches."""
    negatives = experiment.training.negatives
    values = [pair_loss(encoder, critic, experiment.loss, batch, negatives=negatives) for batch in batches]
    return float(torch.stack(values).mean())


def mean_oracle_loss(experiment: Experiment, pairs: list[tuple[Tensor, Tensor]]) -> float | None:
    """Return the exact ratio's loss on the same pairs; None where it is unknown or negatives have another law."""
    if experiment.training.negatives != "positives":
        return None
    try:
        return float(np.mean([oracle_loss(experiment.loss, experiment.latents, *pair) for pair in pairs]))
    except NoDensityError:
        return None


def optimum(experiment: Experiment, last: dict[str, float | None]) -> dict[str, float | None]:
    """Return the best value in expectation beside what the last point of the curve says."""
    gap = None if last["best"] is None or last["loss"] is None else last["loss"] - last["best"]
    entry = {"best": None, "standard_error": None, "loss": last["loss"], "gap": gap}
    if gap is not None:
        best = best_loss(
            experiment.loss,
            experiment.latents,
            batch_size=experiment.training.batch_size,
            generator=experiment.stream("optimum"),
            num_batches=optimum_batches(experiment.training.batch_size),
        )
        entry |= {"best": best.value, "standard_error": best.standard_error}
    return entry


def known_ratio(experiment: Experiment) -> LatentModel | SampledRatio | None:
    """Return what knows the log density ratio, exactly or from draws; None where nothing does."""
    if experiment.latents.is_exact:
        return experiment.latents
    try:
        return SampledRatio(experiment.latents, generator=experiment.stream("ratio"))
    except NoDensityError:
        return None


@torch.no_grad()
def excess(
    experiment: Experiment,
    encoder: nn.Module,
    critic: Critic,
    source: SimulatedPairs,
    ratio: LatentModel | SampledRatio | None,
) -> dict[str, float | None]:
    """Return the nats above the best loss on the same batch: the mean over batches, and one batch's deviation."""
    options, loss, stream = experiment.training, experiment.loss, experiment.stream("excess")
    nothing: dict[str, float | None] = {"excess": None, "noise": None}
    if ratio is None or options.negatives != "positives":
        return nothing
    batches = optimum_batches(options.batch_size)
    found = []
    for _ in range(min(SAMPLED_BATCHES, batches) if isinstance(ratio, SampledRatio) else batches):
        batch, latents, positives = source.draw_with_latents(options.batch_size, generator=stream)
        reached = in_nats(loss, mean_loss(experiment, encoder, critic, [batch]))
        bound = in_nats(loss, oracle_loss(loss, ratio, latents, positives))
        if reached is not None and bound is not None:
            found.append(reached - bound)
    return nothing if len(found) < 2 else {"excess": float(np.mean(found)), "noise": float(np.std(found, ddof=1))}


def optimum_batches(batch_size: int) -> int:
    """Return over how many batches the optimum is averaged: fewer large ones say as much, at the square of the cost.

    >>> optimum_batches(256), optimum_batches(512), optimum_batches(2048)
    (32, 32, 4)
    """
    return max(4, min(32, OPTIMUM_PAIRS // batch_size**2))


def information(experiment: Experiment, ratio: LatentModel | SampledRatio | None) -> dict[str, float | None]:
    """Return the mutual information of a pair in nats, with its standard error where it is an average over draws."""
    if isinstance(ratio, SampledRatio):
        latents, positives = experiment.latents.sample(SAMPLED_PAIRS, generator=experiment.stream("information"))
        logs = ratio.log_density_ratio(latents, positives)
        return {
            "mutual_information": float(logs.mean()),
            "information_standard_error": float(logs.std() / math.sqrt(len(logs))),
        }
    return {"mutual_information": None if ratio is None else ratio.mutual_information()}
