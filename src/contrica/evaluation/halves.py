"""Which rows are fitted and which are scored: two halves that share no row, and no group of dependent rows.

A map that is scored on the rows it was fitted on is praised for its coefficients: 512 columns of noise "explain" half
the variance of any factor on 1000 rows. The assignment of codes to factors is such a fit too.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError, UnreliableScoreError
from contrica.evaluation.intervals import Resampling
from contrica.evaluation.tables import Rows, Standardiser, Table, read_pair

RandomState: TypeAlias = int | np.random.Generator
Groups: TypeAlias = npt.ArrayLike | Tensor


@dataclass(frozen=True)
class Split:
    """Row numbers to fit on, row numbers to score on, and the independent unit that each scored row belongs to."""

    fit_rows: npt.NDArray[np.intp]
    scored_rows: npt.NDArray[np.intp]
    scored_units: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Halves:
    """Codes and factors of the rows to fit on and of the rows to score on, with the resampling of the latter."""

    codes: Table
    factors: Table
    split: Split
    resampling: Resampling

    @property
    def fitted(self) -> tuple[Table, Table]:
        """Codes and factors to fit on."""
        return self.codes[self.split.fit_rows], self.factors[self.split.fit_rows]

    @property
    def scored(self) -> tuple[Table, Table]:
        """Codes and factors to score on."""
        return self.codes[self.split.scored_rows], self.factors[self.split.scored_rows]


def generator_of(random_state: RandomState) -> np.random.Generator:
    """Return a generator as it is, so that it advances, or a new one for an int."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)):
        raise DtypeError(
            f"random_state must be an int or a numpy.random.Generator, got {type(random_state).__name__}; pass a seed"
        )
    return np.random.default_rng(_checks.count(int(random_state), "random_state", least=0))


def split_rows(
    rows: int, *, random_state: RandomState, groups: Groups | None = None, fit_fraction: float = 0.5
) -> Split:
    """Divide rows at random into those to fit on and those to score on, whole groups on one side.

    Parameters
    ----------
    rows : int
        Number of rows.
    random_state : int or numpy.random.Generator
        The same int gives the same split; a generator advances.
    groups : array of shape (rows,), optional
        Rows of equal value depend on each other (frames of a video, views of an object) and stay together.
    fit_fraction : float
        Share of rows to fit on, met as closely from below as whole groups allow.

    Raises
    ------
    UnreliableScoreError
        If one side would be empty.

    Examples
    --------
    >>> split = split_rows(6, random_state=0, groups=["a", "a", "b", "b", "c", "c"])
    >>> len(split.fit_rows), len(split.scored_rows)
    (2, 4)
    """
    _checks.count(rows, "rows", least=2)
    if not 0.0 < _checks.finite(fit_fraction, "fit_fraction") < 1.0:
        raise DomainError(f"fit_fraction must lie between 0 and 1, got {fit_fraction!r}; pass for example 0.5")
    generator = generator_of(random_state)
    unit = np.arange(rows) if groups is None else _group_numbers(groups, rows)
    turn = generator.permutation(int(unit.max()) + 1)
    filled = np.cumsum(np.bincount(unit)[turn])
    taken = max(1, int(np.searchsorted(filled, fit_fraction * rows, side="right")))
    if taken >= len(turn):
        raise UnreliableScoreError(
            f"rows to fit on and rows to score on must come from different groups, got {len(turn)} group;"
            " pass at least two groups"
        )
    in_fit = np.zeros(len(turn), dtype=np.bool_)
    in_fit[turn[:taken]] = True
    fitted = in_fit[unit]
    scored_rows = np.flatnonzero(~fitted)
    return Split(np.flatnonzero(fitted), scored_rows, np.unique(unit[scored_rows], return_inverse=True)[1])


def hold_out(
    codes: Rows,
    factors: Rows,
    *,
    random_state: RandomState = 0,
    groups: Groups | None = None,
    resamples: int = 200,
    confidence: float = 0.95,
) -> Halves:
    """Check the tables and divide their rows; every metric given the same result scores the same rows.

    Raises
    ------
    UnreliableScoreError
        If a factor does not vary on one side, or if too few independent units are left to score.
    """
    code_table, factor_table = read_pair(codes, factors)
    generator = generator_of(random_state)
    split = split_rows(len(code_table), random_state=generator, groups=groups)
    for rows, side in ((split.fit_rows, "fitted"), (split.scored_rows, "scored")):
        still = np.flatnonzero(Standardiser.fit(factor_table[rows]).constant)
        if still.size:
            raise UnreliableScoreError(
                f"every factor must vary among the {side} rows, but column {still[0]} of factors takes one value in"
                f" those {len(rows)}; pass more rows in which it varies"
            )
    resampling = Resampling.draw(split.scored_units, generator=generator, resamples=resamples, confidence=confidence)
    return Halves(code_table, factor_table, split, resampling)


def _group_numbers(groups: Groups, rows: int) -> npt.NDArray[np.intp]:
    try:
        labels = np.asarray(groups.tolist() if isinstance(groups, Tensor) else groups)
    except ValueError as error:
        raise ShapeError("groups must be one label per row, got rows of unequal length; pass a 1-D array") from error
    if labels.shape != (rows,):
        raise ShapeError(f"groups must have shape ({rows},), one label per row, got {labels.shape}; pass a 1-D array")
    if labels.dtype.kind not in "biufUS":
        raise DtypeError(f"groups must be numbers or strings, got dtype {labels.dtype}; pass integer labels")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DomainError("groups must be finite, got NaN or infinity; give every row a label")
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.intp)
