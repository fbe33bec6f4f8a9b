"""Lets the held-out rows choose the dissimilarity, before the fit; see `contrica.selection`."""

from dataclasses import replace

import torch
from torch import nn

from contrica.critics import Critic
from contrica.errors import DomainError
from contrica.estimator.diagnosing import MOST_PAIRS, STRETCHES
from contrica.estimator.holding_out import Split
from contrica.losses import Loss
from contrica.selection import DissimilaritySelection, select_dissimilarity
from contrica.training import TrainingOptions

EXPONENTS = (1.0, 2.0, 3.0, 6.0)
"""Those of "laplace", "normal", "generalised_normal" and "flat"."""

MOST_STEPS = 300
"""Of the fit that all candidates start from."""


def selected(
    encoder: nn.Module,
    critic: Critic,
    loss: Loss,
    split: Split,
    *,
    options: TrainingOptions,
    device: torch.device,
    generator: torch.Generator,
) -> DissimilaritySelection:
    """Return what the held-out rows say of each exponent.

    Raises
    ------
    DomainError
        If no rows are held out.
    UnreliableScoreError
        If there are too few to say anything.
    """
    if split.apart is None:
        raise DomainError(
            "dissimilarity='select' compares candidates on rows that are held out, and there are none; pass more rows,"
            " a larger validation_fraction, or the name of a dissimilarity"
        )
    pairs = split.apart.draw_distinct(MOST_PAIRS, stretches=STRETCHES, generator=generator).to(device)
    return select_dissimilarity(
        encoder,
        critic,
        loss,
        split.source,
        pairs,
        exponents=EXPONENTS,
        learned_from=(),
        options=replace(options, steps=min(MOST_STEPS, options.steps)),
        generator=generator,
    )
