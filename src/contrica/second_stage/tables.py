"""Codes of anchors and of their positives as finite float64 tables, row i of both from the same pair.

Everything that the second stage computes is a mean of products of up to four entries of a column, so columns are asked
to lie where such products neither overflow nor vanish: |entry| <= 1e60, spread >= 1e-60.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, ShapeError, UnreliableScoreError

Table: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.ArrayLike | Tensor
RandomState: TypeAlias = int | np.random.Generator

LARGEST = 1e60
"""The fourth power of a larger entry, summed over rows, comes close to the largest float64, 1.8e308."""

SMALLEST_SPREAD = 1e-60
"""The fourth power of a smaller spread comes close to the smallest normal float64, 2.2e-308."""

ROUNDING_ULPS = 8
"""A column whose spread is at most this many units in the last place of its largest entry holds rounding only."""

LEAST_ROWS = 100
"""The tails by which a law is told from a normal one at level .01 are hardly populated below this."""

ROWS_PER_CODE = 20
"""Half of the rows are fitted; 10 per code put 10 % of noise on an angle of the unmixing at best."""


def read(value: Rows, name: str) -> Table:
    """Return ``value`` as a table of usable size, refusing booleans and complex numbers."""
    table = _checks.real_array(value, name)
    if np.abs(table).max(initial=0.0) > LARGEST:
        raise DomainError(f"{name} must lie within +-{LARGEST:g}, got {np.abs(table).max():.3g}; rescale the codes")
    return table


def read_codes(codes: Rows, name: str = "codes") -> Table:
    """Return codes of at least two columns that all vary, with rows enough to test what they are tested for."""
    table = read(codes, name)
    rows, dim = table.shape
    if dim < 2:
        raise ShapeError(
            f"{name} must have at least 2 columns, got {dim}; a single code is its own axis, use it as it is"
        )
    needed = max(LEAST_ROWS, ROWS_PER_CODE * dim)
    if rows < needed:
        raise UnreliableScoreError(
            f"axes of {dim} codes, and the tests of them, need at least {needed} rows, got {rows}; pass more rows"
        )
    refuse_constant(table, name)
    return table


def read_pairs(codes: Rows, positive_codes: Rows) -> tuple[Table, Table]:
    """Return both tables, or raise unless they are codes of the same pairs by the same encoder."""
    anchors, positives = read_codes(codes), read_codes(positive_codes, "positive_codes")
    same_pairs(anchors, positives)
    return anchors, positives


def same_pairs(anchors: Table, positives: Table) -> None:
    """Raise ShapeError unless both tables have the same rows and the same columns."""
    _checks.same_rows(torch.from_numpy(anchors), torch.from_numpy(positives), "codes", "positive_codes")
    if anchors.shape[1] != positives.shape[1]:
        raise ShapeError(
            f"both views of a pair go through one encoder, but codes has {anchors.shape[1]} columns and positive_codes"
            f" has {positives.shape[1]}; pass the codes of one encoder"
        )


def refuse_constant(table: Table, name: str) -> None:
    """Raise DomainError if a column takes one value only, up to rounding."""
    constant = np.flatnonzero(constant_columns(table))
    if constant.size:
        raise DomainError(
            f"every column of {name} must vary, but column {constant[0]} is constant up to rounding; drop it, a"
            " collapsed code holds no factor"
        )


def constant_columns(table: Table) -> npt.NDArray[np.bool_]:
    """Tell which columns hold one value and rounding."""
    rounding = ROUNDING_ULPS * np.finfo(np.float64).eps * np.abs(table).max(axis=0)
    return np.asarray(np.ptp(table, axis=0) <= np.maximum(SMALLEST_SPREAD, rounding))


def generator_from(random_state: RandomState) -> np.random.Generator:
    """Return a new generator for an int, and a generator as it is, so that it advances."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(_checks.count(random_state, "random_state", least=0))
