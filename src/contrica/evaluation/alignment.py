"""A score is an alignment: the best map of one indeterminacy class is fitted on some rows and scored on others.

    m* = argmin over m in the class of  sum_fit ||z - m(h)||^2,     R2_j = 1 - sum_scored (z_j - m*(h)_j)^2
                                                                          / sum_scored (z_j - mean z_j)^2

with codes h and factors z. What a theorem leaves undetermined is the class; what the score then lacks to 1 is what
training left undone.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError, UnreliableScoreError
from contrica.evaluation.halves import Groups, Halves, RandomState, hold_out
from contrica.evaluation.intervals import Score
from contrica.evaluation.tables import Rows, Standardiser, Table, centre, read, read_pair

ROWS_PER_COEFFICIENT = 10
"""Fitting p coefficients on m rows costs about p / (m - p) of the residual variance on new rows; with m >= 10 p that
is at most a ninth, so the score is of the codes and not of the fit."""

LARGEST_MISFIT = 1e150
"""A scored row farther than this many standard deviations from the truth could not be squared in float64."""

FLAT_RESAMPLE = 1e-10
"""A resample in which a factor of variance 1 keeps less variance than this holds one value of it and rounding."""


class Alignment(ABC):
    """A fitted map from codes to factors, the best one of its indeterminacy class on the rows it was fitted on."""

    title: ClassVar[str]

    @classmethod
    @abstractmethod
    def coefficients(cls, code_dim: int, factor_dim: int) -> int:
        """Count the numbers that the fit chooses per factor."""

    @classmethod
    @abstractmethod
    def _fit(cls, codes: Table, factors: Table) -> "Alignment": ...

    @abstractmethod
    def _predict(self, codes: Table) -> Table: ...

    @property
    @abstractmethod
    def code_dim(self) -> int:
        """Number of code columns that the map takes."""

    @classmethod
    def fit(cls, codes: Rows, factors: Rows, *, rows_per_coefficient: float = ROWS_PER_COEFFICIENT) -> "Alignment":
        """Return the least-squares map of this class from codes to factors.

        Parameters
        ----------
        codes : array of shape (rows, code_dim)
            In any units; a constant or a repeated column is legal.
        factors : array of shape (rows, factor_dim)
            In any units; every column must vary.
        rows_per_coefficient : float
            Rows asked for per coefficient and factor; lower it only with the score's interval in view.

        Raises
        ------
        UnreliableScoreError
            If there are fewer rows.
        ShapeError, DomainError, DtypeError
            If the arrays are no such tables.
        """
        code_table, factor_table = read_pair(codes, factors)
        cls.refuse_few_rows(code_table, factor_table, len(code_table), rows_per_coefficient=rows_per_coefficient)
        return cls._fit(code_table, factor_table)

    def predict(self, codes: Rows) -> Table:
        """Return the factors, in their own units, that the map assigns to ``codes``."""
        table = read(codes, "codes")
        if table.shape[1] != self.code_dim:
            raise ShapeError(
                f"codes must have the {self.code_dim} columns that the map was fitted on, got {table.shape[1]};"
                " pass codes of the same encoder"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = self._predict(table)
        if not np.isfinite(predicted).all():
            raise DomainError("codes lie so far from those of the fit that float64 overflows; look for broken rows")
        return predicted

    @classmethod
    def refuse_few_rows(
        cls, codes: Table, factors: Table, rows: int, *, rows_per_coefficient: float = ROWS_PER_COEFFICIENT
    ) -> None:
        """Raise UnreliableScoreError if ``rows`` are too few to fit, in the currency of the tables they are part of."""
        if _checks.finite(rows_per_coefficient, "rows_per_coefficient") < 1:
            raise DomainError(
                f"rows_per_coefficient must be at least 1, got {rows_per_coefficient!r};"
                " with fewer rows than coefficients every code fits"
            )
        code_dim, factor_dim = codes.shape[1], factors.shape[1]
        coefficients = cls.coefficients(code_dim, factor_dim)
        needed = math.ceil(rows_per_coefficient * coefficients)
        if rows < needed:
            left = "" if rows == len(codes) else f" leave {rows} to fit on and"
            raise UnreliableScoreError(
                f"{cls.title} of {code_dim} codes has {coefficients} coefficients per factor; {len(codes)} rows{left}"
                f" cannot fit it, pass >= {math.ceil(needed * len(codes) / rows)}"
            )


def aligned_r2(
    codes: Rows,
    factors: Rows,
    *,
    alignment: type[Alignment],
    random_state: RandomState = 0,
    groups: Groups | None = None,
    resamples: int = 200,
    confidence: float = 0.95,
    rows_per_coefficient: float = ROWS_PER_COEFFICIENT,
) -> Score:
    """Share of each factor's variance that the best map of a class explains on rows it was not fitted on.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows.
    alignment : subclass of Alignment
        The class of maps that leaves the codes as good as they were: ``Rotation``, ``Affine``,
        ``SignedPermutation`` or ``MonotonePermutation``.
    random_state : int or numpy.random.Generator
        Decides the halves and the resamples.
    groups : array of shape (rows,), optional
        Rows of equal value stay on one side and are resampled together.
    resamples : int
        Bootstrap resamples behind the interval.
    confidence : float
        Nominal coverage of the interval.
    rows_per_coefficient : float
        Fewer rows than this per fitted coefficient are refused.

    Returns
    -------
    Score
        1 is perfect, 0 is as good as the mean, below 0 is worse than the mean. There is no lower end.

    Raises
    ------
    UnreliableScoreError
        If the rows are too few for the degrees of freedom.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> from contrica.evaluation import Rotation
    >>> factors = np.random.default_rng(0).normal(size=(200, 2))
    >>> aligned_r2(factors[:, ::-1] + 3, factors, alignment=Rotation).value
    1.0
    """
    if not (isinstance(alignment, type) and issubclass(alignment, Alignment)):
        raise DtypeError(f"alignment must be a class of maps, got {alignment!r}; pass for example Affine")
    halves = hold_out(
        codes, factors, random_state=random_state, groups=groups, resamples=resamples, confidence=confidence
    )
    return aligned_r2_of(halves, alignment, rows_per_coefficient=rows_per_coefficient)


def aligned_r2_of(
    halves: Halves, alignment: type[Alignment], *, rows_per_coefficient: float = ROWS_PER_COEFFICIENT
) -> Score:
    """Score rows that are already divided, as ``aligned_r2`` does."""
    alignment.refuse_few_rows(
        halves.codes, halves.factors, len(halves.split.fit_rows), rows_per_coefficient=rows_per_coefficient
    )
    near = replace(halves, factors=centre(halves.factors))  # else an offset takes the digits of a prediction
    codes, factors = near.scored
    predicted = alignment.fit(*near.fitted, rows_per_coefficient=rows_per_coefficient).predict(codes)
    misfit, truth = _in_deviations(predicted, factors)
    squares = np.square(misfit)
    per_factor = 1.0 - squares.mean(axis=0)  # the truth has variance 1 here
    columns = truth.shape[1]
    means = halves.resampling.means(np.concatenate([squares, truth, np.square(truth)], axis=1))
    error, mean, square = means[:, :columns], means[:, columns : 2 * columns], means[:, 2 * columns :]
    variance = square - np.square(mean)
    varies = np.all(variance > FLAT_RESAMPLE, axis=1)
    if np.mean(varies) < 0.5:
        raise UnreliableScoreError(
            "every factor must vary in most resamples of the scored rows, but one takes a second value in too few rows;"
            " pass more rows in which it varies"
        )
    return halves.resampling.score(per_factor, 1.0 - error[varies] / variance[varies])


def r2_per_factor(predicted: Table, factors: Table) -> Table:
    """``1 - sum (z - prediction)^2 / sum (z - mean z)^2`` of each column, on the rows given."""
    return np.asarray(1.0 - np.square(_in_deviations(predicted, factors)[0]).mean(axis=0))


def _in_deviations(predicted: Table, factors: Table) -> tuple[Table, Table]:
    standardiser = Standardiser.fit(factors)
    truth = standardiser.apply(factors)
    with np.errstate(over="ignore"):
        misfit = standardiser.apply(predicted) - truth
    if not (np.abs(misfit) < LARGEST_MISFIT).all():
        raise DomainError(
            f"predictions must lie within {LARGEST_MISFIT} standard deviations of the factors, and some do not;"
            " look for rows of codes that are far from all others"
        )
    return misfit, truth
