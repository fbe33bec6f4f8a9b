"""Permutation of axes with a map of its own per axis: what a separable dissimilarity leaves undetermined.

    signed:    z_i ~ c_i h_pi(i) + b_i,      pi = argmax sum_i |corr(h_pi(i), z_i)|,  c_i, b_i by regression
    monotone:  z_i ~ m_i(h_pi(i)),           the same with ranks, m_i by isotonic regression

The matching maximises the sum of correlations, as MCC does, so the R2 of the signed permutation is MCC's other face:
on the fitted rows it is the squared matched correlation. Reference for m_i: Barlow et al., Statistical Inference under
Order Restrictions, 1972.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from sklearn.isotonic import IsotonicRegression

from contrica.evaluation.alignment import Alignment
from contrica.evaluation.correlation import correlations
from contrica.evaluation.mcc import Matching, match, matched_signs
from contrica.evaluation.tables import Standardiser, Table


@dataclass(frozen=True, eq=False)
class SignedPermutation(Alignment):
    """The best map that gives each factor one code, times a scale of either sign, plus a shift.

    A factor without a code is predicted by its mean.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(50, 2))
    >>> factors = np.stack([-3 * codes[:, 1], codes[:, 0] + 1], axis=1)
    >>> fitted = SignedPermutation.fit(codes, factors)
    >>> fitted.matching, bool(np.allclose(fitted.predict(codes), factors))
    ((1, 0), True)
    """

    title: ClassVar[str] = "a signed permutation"
    code_units: Standardiser
    factor_units: Standardiser
    matching: Matching
    weights: Table

    @classmethod
    def coefficients(cls, code_dim: int, factor_dim: int) -> int:
        """Count a scale, a shift and the choice of a code."""
        return 3

    @property
    def code_dim(self) -> int:
        """Number of code columns that the map takes."""
        return len(self.weights)

    @classmethod
    def _fit(cls, codes: Table, factors: Table) -> Self:
        table = correlations(codes, factors)
        matching = match(np.abs(table))
        chosen = np.zeros(table.shape)
        for factor, code in enumerate(matching):
            if code is not None:
                chosen[code, factor] = table[code, factor]  # the slope between standardised columns
        return cls(Standardiser.fit(codes), Standardiser.fit(factors), matching, chosen)

    def _predict(self, codes: Table) -> Table:
        return self.factor_units.undo(self.code_units.apply(codes) @ self.weights)


@dataclass(frozen=True, eq=False)
class MonotonePermutation(Alignment):
    """The best map that gives each factor one code, bent by a rising or a falling function.

    Only the order of each code matters: a code is first replaced by its place among the fitted rows, halfway between
    two of them if it lies between, at the end if it lies beyond. A factor without a code is predicted by its mean.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(500, 2))
    >>> factors = np.stack([-np.exp(codes[:, 1]), codes[:, 0] ** 3], axis=1)
    >>> fitted = MonotonePermutation.fit(codes, factors)
    >>> fitted.matching, bool(np.allclose(fitted.predict(codes), factors))
    ((1, 0), True)
    """

    title: ClassVar[str] = "a permutation with monotone maps"
    factor_units: Standardiser
    matching: Matching
    places: Table
    bends: tuple[IsotonicRegression | None, ...]

    @classmethod
    def coefficients(cls, code_dim: int, factor_dim: int) -> int:
        """Count 6: isotonic regression of noise on m rows has about log m steps, and a code is chosen."""
        return 6

    @property
    def code_dim(self) -> int:
        """Number of code columns that the map takes."""
        return int(self.places.shape[1])

    @classmethod
    def _fit(cls, codes: Table, factors: Table) -> Self:
        factor_units = Standardiser.fit(factors)
        matching, signs = matched_signs(codes, factors, kind="spearman")
        places = np.sort(codes, axis=0)
        targets = factor_units.apply(factors)
        bends = tuple(
            None
            if code is None
            else IsotonicRegression(increasing=bool(signs[factor] > 0), out_of_bounds="clip").fit(
                _place(codes[:, code], places[:, code]), targets[:, factor]
            )
            for factor, code in enumerate(matching)
        )
        return cls(factor_units, matching, places, bends)

    def _predict(self, codes: Table) -> Table:
        predicted = np.zeros((len(codes), len(self.matching)))
        for factor, (code, bend) in enumerate(zip(self.matching, self.bends, strict=True)):
            if code is not None and bend is not None:
                predicted[:, factor] = bend.predict(_place(codes[:, code], self.places[:, code]))
        return self.factor_units.undo(predicted)


def _place(column: Table, ordered: Table) -> Table:
    below, not_above = np.searchsorted(ordered, column, side="left"), np.searchsorted(ordered, column, side="right")
    return np.asarray((below + not_above) / 2.0)
