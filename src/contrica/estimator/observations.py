"""Rows of X as they come in: checked for what cannot be computed with, read block by block.

A file that is mapped into memory is never read as a whole: its rows are looked at when they are drawn or encoded.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica.errors import DomainError, ShapeError
from contrica.pairs.recording import map_of, refuse_cut

VALUES_AT_ONCE = 1 << 20
"""Values that are converted and encoded together: some tens of megabytes with what the encoder adds."""

VALUES_MEASURED = 1 << 22
"""Values on which the units of the columns are measured."""

MOST_ROWS_AT_ONCE = 8192
"""Rows that are encoded together at most."""

Array = npt.NDArray[Any]

NAMED_ROWS = 5
"""So many rows are named where some are not finite."""


def blocks(observations: Array) -> Iterator[slice]:
    """Yield slices of rows that fit into memory together, in order; a mapped file is whole at each."""
    step, mapped = rows_of(observations, VALUES_AT_ONCE, MOST_ROWS_AT_ONCE), map_of(observations)
    for first in range(0, len(observations), step):
        refuse_cut(mapped)
        yield slice(first, min(first + step, len(observations)))


def refuse_nonfinite(values: Array, name: str, *, first_row: int = 0) -> None:
    """Raise DomainError that names the rows of ``values`` in which a number is NaN or infinite, if there are some."""
    if values.dtype.kind != "f" or bool(np.isfinite(values).all()):
        return
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1)) + first_row
    named = ", ".join(map(str, bad[:NAMED_ROWS])) + (", ..." if len(bad) > NAMED_ROWS else "")
    raise DomainError(
        f"{name} must be finite, got NaN or infinity in {len(bad)} of the rows looked at, {named}; drop or repair them"
    )


def rows_of(observations: Array, values: int, most: int) -> int:
    """Return how many rows have ``values`` values, but at most ``most``, and at least 2."""
    return max(2, min(most, len(observations), values // max(1, math.prod(observations.shape[1:]))))


def checked(observations: Array, name: str) -> Array:
    """Return ``observations`` in at most 64 bits; in memory they are finite, in a mapped file that shows when read.

    Raises
    ------
    DomainError
        If a row in memory is not finite.
    """
    if observations.dtype.kind == "f" and observations.dtype.itemsize > np.dtype(np.float64).itemsize:
        observations = observations.astype(np.float64)
    if map_of(observations) is None:
        for block in blocks(observations):
            refuse_nonfinite(observations[block], name, first_row=block.start)
    return observations


def same_shape(observations: Array, shape: tuple[int, ...], name: str) -> None:
    """Raise ShapeError unless each row has ``shape``."""
    if observations.shape[1:] != shape:
        raise ShapeError(
            f"each row of {name} must have shape {shape} like those of X in fit, got {observations.shape[1:]};"
            " pass the same columns"
        )
