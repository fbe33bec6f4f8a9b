"""The best value that a loss can reach on a latent model: the loss of the exact log density ratio.

No encoder and no critic does better in expectation, since the log density ratio minimises each of the four losses
(InfoNCE and the log forms: up to a function that cancels). On given pairs it is the value to compare a model's loss
with, on the same pairs, so that the luck of the draw cancels.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from contrica import _checks
from contrica.errors import ShapeError
from contrica.latents import LatentModel, SampledRatio
from contrica.losses import NWJ, SCL, InfoNCE, Loss


@dataclass(frozen=True)
class BestLoss:
    """A loss value in nats and its standard error, 0 where the value is exact."""

    value: float
    standard_error: float


def oracle_loss(
    loss: Loss,
    latent_model: LatentModel | SampledRatio,
    latents: Float[Tensor, "batch latent_dim"],
    positives: Float[Tensor, "batch latent_dim"],
) -> float:
    """Return the loss of the log density ratio on these pairs, each against all other positives, in nats.

    It is exact for a `LatentModel`, and up to the noise of its draws for a `SampledRatio`.

    Raises
    ------
    NoDensityError
        If the latent model has no density to compute with.
    ShapeError
        If there are fewer than two pairs.
    """
    _checks.same_rows(latents, positives, "latents", "positives")
    if len(latents) < 2:
        raise ShapeError(f"a contrast needs at least two pairs, got {len(latents)}; pass more rows")
    logits = latent_model.log_density_ratio(latents.double()[:, None], positives.double()[None])
    others = 1.0 - torch.eye(len(latents), dtype=logits.dtype)
    values = []
    direction = loss.direction if isinstance(loss, InfoNCE) else "rows"
    if direction != "columns":
        values.append(loss(logits.diagonal(), logits, weights=others))
    if direction != "rows":
        values.append(loss(logits.diagonal(), logits.T, weights=others))
    return float(torch.stack(values).mean())


def in_nats(loss: Loss, value: float) -> float | None:
    """Return a value of a loss in nats: as it is, but of SCL in its own form the minus log of what it is below zero.

    That is the log form of SCL at the bias which suits the value best, whose optimum is ``-log(1 + chi2)``; None where
    the value is not below zero.

    >>> in_nats(SCL(), -1.0), in_nats(NWJ(), -0.5), in_nats(SCL(), 2.0)
    (-0.0, -0.5, None)
    """
    if not isinstance(loss, SCL) or loss.log_form:
        return value
    return -math.log(-value) if value < 0.0 else None


def best_loss(
    loss: Loss,
    latent_model: LatentModel,
    *,
    batch_size: int,
    generator: torch.Generator,
    num_batches: int = 32,
) -> BestLoss:
    """Return the best value of ``loss`` at this batch size, in nats.

    NWJ and SCL have closed forms, ``1 - I`` and ``-(1 + chi2)``; the others are averaged over ``num_batches`` draws.

    >>> from contrica.latents import LaplaceConditional, UniformMarginal
    >>> from contrica.spaces import Box
    >>> model = LatentModel(UniformMarginal(Box(1)), LaplaceConditional(Box(1), 0.05))
    >>> best_loss(NWJ(), model, batch_size=64, generator=torch.Generator())
    BestLoss(value=-0.42..., standard_error=0.0)
    """
    _checks.count(batch_size, "batch_size", least=2)
    _checks.count(num_batches, "num_batches", least=2)
    if isinstance(loss, NWJ) and not loss.log_form:
        return BestLoss(1.0 - latent_model.mutual_information(), 0.0)
    if isinstance(loss, SCL) and not loss.log_form:
        return BestLoss(-(1.0 + latent_model.chi_square()), 0.0)
    values = torch.tensor(
        [
            oracle_loss(loss, latent_model, *latent_model.sample(batch_size, generator=generator))
            for _ in range(num_batches)
        ],
        dtype=torch.float64,
    )
    return BestLoss(float(values.mean()), float(values.std() / num_batches**0.5))
