"""Codes and factors as two finite float64 tables whose row i describes the same sample.

Everything that is scored passes here first. Columns are brought to mean 0 and standard deviation 1,

    y = 2^-e x - 2^-e x_0,   standardised = (y - mean y) / sd y,   2^e the least power of two above max |x|,

so that a column in units of 1e150 or 1e-150, or far from zero, is squared without overflow and without loss: the
scaling by a power of two is exact, and so is the difference of numbers that are close to each other.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError

Table: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.ArrayLike | Tensor

ROUNDING_ULPS = 8
"""A column whose spread is at most this many units in the last place of its largest entry holds rounding, not values;
a spread above it keeps the squares of a standardised column above 1e-30."""


def read(value: Rows, name: str) -> Table:
    """Return ``value`` as a table of at least two rows, refusing booleans, complex numbers and objects."""
    return _checks.real_array(value, name, least_rows=2)


def read_pair(codes: Rows, factors: Rows) -> tuple[Table, Table]:
    """Return both tables, or raise unless they have equal length and every factor varies."""
    code_table, factor_table = read(codes, "codes"), read(factors, "factors")
    _checks.same_rows(torch.from_numpy(code_table), torch.from_numpy(factor_table), "codes", "factors")
    constant = np.flatnonzero(Standardiser.fit(factor_table).constant)
    if constant.size:
        raise DomainError(
            f"every column of factors must vary, but column {constant[0]} of factors is constant;"
            " drop it, or sample rows in which it varies"
        )
    return code_table, factor_table


@dataclass(frozen=True)
class Standardiser:
    """The map that brings each column of the rows it was fitted on to mean 0 and standard deviation 1.

    A constant column is sent to 0, in whichever rows it is met again: nothing is known of its spread.
    """

    exponent: npt.NDArray[np.intc]
    origin: Table
    deviation: Table
    constant: npt.NDArray[np.bool_]

    @classmethod
    def fit(cls, table: Table) -> "Standardiser":
        """Measure the columns of ``table``."""
        exponent = np.frexp(np.abs(table).max(axis=0))[1]
        scaled = np.ldexp(table, -exponent)
        pivot = scaled[0]
        shifted = scaled - pivot
        mean = shifted.mean(axis=0)
        deviation = np.sqrt(np.square(shifted - mean).mean(axis=0))
        spread = np.ptp(shifted, axis=0)
        constant = spread <= ROUNDING_ULPS * np.finfo(np.float64).eps
        return cls(exponent, np.stack([pivot, mean]), np.where(constant, 1.0, deviation), constant)

    def apply(self, table: Table) -> Table:
        """Return standardised columns; rows that were not fitted on may lie anywhere."""
        shifted = np.ldexp(table, -self.exponent) - self.origin[0] - self.origin[1]
        return np.where(self.constant, 0.0, shifted / self.deviation)

    def undo(self, standardised: Table) -> Table:
        """Return the columns in their own units again."""
        return np.asarray(np.ldexp(standardised * self.deviation + self.origin[1] + self.origin[0], self.exponent))


def standardise(table: Table) -> Table:
    """Return the columns with mean 0 and standard deviation 1, a constant one as zeros."""
    return Standardiser.fit(table).apply(table)


def centre(table: Table) -> Table:
    """Return ``table`` less its column means, all columns divided by one common power of two so that max |x| < 1.

    Ratios between columns survive, as a rotation needs; every alignment is equivariant to this change of units.
    """
    exponent = np.frexp(np.abs(table).max())[1]
    scaled = np.ldexp(table, -exponent)
    shifted = scaled - scaled[0]
    shifted -= shifted.mean(axis=0)
    largest = np.abs(shifted).max()
    return np.asarray(np.ldexp(shifted, -np.frexp(largest)[1]))
