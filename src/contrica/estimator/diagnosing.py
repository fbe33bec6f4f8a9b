"""What the held-out rows say about a fit, and whether the user has to do something about it.

Rows that follow each other are dependent, so standard errors are taken over stretches of consecutive rows.
"""

import warnings

import torch

from contrica.diagnosis import Diagnosis, diagnose
from contrica.errors import ContricaWarning, UnreliableScoreError
from contrica.estimator.fitted import Fitted
from contrica.estimator.holding_out import Split
from contrica.estimator.sources import DrawnRows

MOST_PAIRS = 4096
"""Pairs that are looked at; their checks cost some seconds at most."""

STRETCHES = 250
"""Stretches of rows over which standard errors are taken: enough to know these to 5 %."""

MOST_DROPPED = 0.1
"""Share of rows in no pair from which on the user is told."""


def diagnosis_of(fitted: Fitted, split: Split, *, batch_size: int, generator: torch.Generator) -> Diagnosis | None:
    """Check the fit on pairs of the rows that were held out; None where these are too few to say anything."""
    if split.apart is None:
        return None
    pairs = split.apart.draw_distinct(MOST_PAIRS, stretches=STRETCHES, generator=generator).to(fitted.device)
    try:
        return diagnose(fitted.encoder, fitted.critic, fitted.loss, pairs, batch_size=batch_size)
    except UnreliableScoreError:
        return None


def warn_of(diagnosis: Diagnosis | None, source: DrawnRows, *, labelled: bool) -> None:
    """Warn of what asks for something to be done, and of nothing else."""
    dropped = source.num_dropped_rows
    if dropped > MOST_DROPPED * source.num_rows:
        advice = "a larger bandwidth" if labelled else "shorter lags or longer trials"
        _warn(f"{dropped} of {source.num_rows} rows are in no pair and were not learned from; pass {advice}")
    for check in () if diagnosis is None else diagnosis.actions:
        _warn(f"{check.name}: {check.sentence}; to do: {check.advice}")


def _warn(message: str) -> None:
    warnings.warn(message, ContricaWarning, stacklevel=4)
