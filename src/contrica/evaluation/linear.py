"""Linear R2: how much of each factor an affine map of the codes explains, blind to rotation by design.

    z ~ h B + b,    least squares,    R2_j = 1 - sum (z_j - h B_j - b_j)^2 / sum (z_j - mean z_j)^2

A perfect value says that the factors can be read off linearly; it does not say that each has a code of its own. The
published protocol, which fits and scores on the same rows, is that of Zimmermann et al., Contrastive Learning Inverts
the Data Generating Process, ICML 2021.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from contrica.errors import UnreliableScoreError
from contrica.evaluation.alignment import ROWS_PER_COEFFICIENT, Alignment, aligned_r2, r2_per_factor
from contrica.evaluation.halves import Groups, RandomState
from contrica.evaluation.intervals import InSampleScore, Score
from contrica.evaluation.tables import Rows, Standardiser, Table, read_pair

RANK_TOLERANCE = 1e-10
"""Directions of the standardised codes narrower than this share of the widest are cut. Float64 keeps 16 digits, so
coefficients of up to 1e10 still leave 6 in the prediction; a repeated column, narrow to rounding only, is cut."""


@dataclass(frozen=True, eq=False)
class Affine(Alignment):
    """The best affine map ``h B + b``, of least norm where collinear codes leave it open.

    Numerics: singular values of the standardised codes below ``RANK_TOLERANCE`` times the largest are cut.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(50, 2))
    >>> factors = codes @ np.array([[1.0, 2.0], [3.0, 4.0]]) + 5
    >>> bool(np.allclose(Affine.fit(codes, factors).predict(codes), factors))
    True
    """

    title: ClassVar[str] = "an affine map"
    code_units: Standardiser
    factor_units: Standardiser
    weights: Table

    @classmethod
    def coefficients(cls, code_dim: int, factor_dim: int) -> int:
        """One slope per code and one offset."""
        return code_dim + 1

    @property
    def code_dim(self) -> int:
        """Number of code columns that the map takes."""
        return len(self.weights)

    @classmethod
    def _fit(cls, codes: Table, factors: Table) -> Self:
        code_units, factor_units = Standardiser.fit(codes), Standardiser.fit(factors)
        # Both sides have mean 0, so the offset is fitted already.
        weights = np.linalg.lstsq(code_units.apply(codes), factor_units.apply(factors), rcond=RANK_TOLERANCE)[0]
        return cls(code_units, factor_units, np.asarray(weights, dtype=np.float64))

    def _predict(self, codes: Table) -> Table:
        return self.factor_units.undo(self.code_units.apply(codes) @ self.weights)


def linear_r2(
    codes: Rows,
    factors: Rows,
    *,
    random_state: RandomState = 0,
    groups: Groups | None = None,
    resamples: int = 200,
    confidence: float = 0.95,
    rows_per_coefficient: float = ROWS_PER_COEFFICIENT,
) -> Score:
    """Share of each factor's variance that an affine map of the codes explains on rows it was not fitted on.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows.
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
        The mean over factors and each factor's own. 1 is perfect; 0 is chance for many rows, and noise codes fall
        below it by about ``code_dim / fitted rows``.

    Raises
    ------
    UnreliableScoreError
        If the half that is fitted has fewer than ``rows_per_coefficient * (code_dim + 1)`` rows.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> factors = np.random.default_rng(0).uniform(size=(1000, 3))
    >>> linear_r2(factors @ np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]]), factors).value
    1.0
    """
    return aligned_r2(
        codes,
        factors,
        alignment=Affine,
        random_state=random_state,
        groups=groups,
        resamples=resamples,
        confidence=confidence,
        rows_per_coefficient=rows_per_coefficient,
    )


def linear_r2_in_sample(codes: Rows, factors: Rows) -> InSampleScore:
    """Linear R2 of the rows that the map was fitted on: the published protocol, to compare with published numbers.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows.

    Returns
    -------
    InSampleScore
        1 is perfect, and reached by any codes once ``code_dim + 1 >= rows``. Independent codes get
        ``rank / (rows - 1)``, which is ``chance``.

    Raises
    ------
    UnreliableScoreError
        If the rows are no more than the coefficients, so that every code would score 1.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise = linear_r2_in_sample(rng.normal(size=(1000, 512)), rng.normal(size=(1000, 5)))
    >>> round(noise.value, 1), round(noise.chance, 1)
    (0.5, 0.5)
    """
    code_table, factor_table = read_pair(codes, factors)
    rows = len(code_table)
    rank = int(np.linalg.matrix_rank(Standardiser.fit(code_table).apply(code_table), rtol=RANK_TOLERANCE))
    if rows <= rank + 1:
        raise UnreliableScoreError(
            f"{Affine.title} of {code_table.shape[1]} codes has {rank + 1} coefficients per factor that matter;"
            f" {rows} rows fit it exactly whatever the codes, pass >= {ROWS_PER_COEFFICIENT * (rank + 1)}"
        )
    per_factor = r2_per_factor(Affine._fit(code_table, factor_table)._predict(code_table), factor_table)
    return InSampleScore(float(per_factor.mean()), tuple(per_factor.tolist()), rank / (rows - 1), rows)
