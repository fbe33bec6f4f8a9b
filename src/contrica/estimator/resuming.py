"""What a checkpoint says of the fit that it is of, so that no other fit goes on from it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from contrica.errors import DomainError, RecordError
from contrica.estimator.observations import VALUES_AT_ONCE, Array, rows_of
from contrica.estimator.sources import Rows
from contrica.saving import Checkpoints
from contrica.training import TrainingState

WITHOUT_EFFECT = ("checkpoint", "device", "verbose", "on_step")
"""Settings that change nothing in what is fitted."""

LOOKED_AT = 4096
"""Rows of X and of X_pos that are compared at most; what orders, groups and labels the rows is compared as a whole."""


def mark_of(settings: Mapping[str, Any], rows: Rows) -> str:
    """Return a SHA-256 over settings and data, which differs where any of them does."""
    digest = hashlib.sha256()
    for name, value in sorted(settings.items()):
        if name not in WITHOUT_EFFECT:
            digest.update(f"{name}={_text(value)};".encode())
    known: list[Array] = [rows.order.rows, rows.order.trials, rows.order.groups]
    if rows.labels is not None:
        known += [part for part in (rows.labels.continuous, rows.labels.classes) if part is not None]
    for array in (_some(rows.anchors), _some(rows.positives), *known):
        digest.update(f"{array.shape} {array.dtype.str};".encode())
        digest.update(np.ascontiguousarray(array).data)
    digest.update(f"{rows.anchors.shape}".encode())
    return digest.hexdigest()


def ensure_of_estimator(checkpoints: Checkpoints, state: TrainingState) -> None:
    """Raise RecordError unless ``state`` has the notes of an estimator."""
    if not isinstance(state.notes.get("seed"), int) or not isinstance(state.notes.get("mark"), str):
        raise RecordError(f"{checkpoints.folder} must be of a ContrastiveICA, and it is of another fit; pass another")


def ensure_same(checkpoints: Checkpoints, state: TrainingState, mark: str) -> None:
    """Raise DomainError unless ``state`` is of the fit with this ``mark``."""
    if state.notes["mark"] != mark:
        raise DomainError(
            f"a fit goes on with the data and the settings that it began with, and {checkpoints.folder} is of others;"
            " pass the former, or another folder"
        )


def _some(observations: Array) -> Array:
    size = rows_of(observations, VALUES_AT_ONCE, LOOKED_AT)
    return np.asarray(observations[np.linspace(0, len(observations) - 1, size).astype(np.int64)])


def _text(value: object) -> str:
    if isinstance(value, np.random.RandomState):
        return "a RandomState"
    if callable(value) and not isinstance(value, nn.Module):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return repr(value)
