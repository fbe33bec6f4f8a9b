"""Rotation, reflection, shift and one common scale: what an isometric dissimilarity leaves undetermined.

    z ~ c h O + b,    min over O orthogonal, c, b:    H^T Z = U S V^T (both centred),  O = U V^T,  c = tr S / ||H||^2

Reference: Schönemann and Carroll, Fitting one matrix to another under choice of a central dilation and a rigid motion,
Psychometrika 35, 1970. Codes and factors of different number are padded with columns of zeros, so that surplus codes
of an isometric embedding are asked to be constant.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from contrica.evaluation.alignment import Alignment
from contrica.evaluation.tables import Table


@dataclass(frozen=True, eq=False)
class Rotation(Alignment):
    """The best map ``c h O + b`` with ``O`` orthogonal: all factors share one scale, in their own units.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(50, 2))
    >>> turned = codes @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> bool(np.allclose(Rotation.fit(codes, 7 * turned).predict(codes), 7 * turned))
    True
    """

    title: ClassVar[str] = "a rotation"
    code_exponent: int
    factor_exponent: int
    code_origin: Table
    factor_mean: Table
    weights: Table

    @classmethod
    def coefficients(cls, code_dim: int, factor_dim: int) -> int:
        """Count ``k (k - 1) / 2`` angles, ``k`` offsets and a scale, for all factors together, rounded up."""
        dim = max(code_dim, factor_dim)
        return math.ceil((dim * (dim - 1) // 2 + dim + 1) / factor_dim)

    @property
    def code_dim(self) -> int:
        """Number of code columns that the map takes."""
        return len(self.weights)

    @classmethod
    def _fit(cls, codes: Table, factors: Table) -> Self:
        code_exponent, factor_exponent = _exponent(codes), _exponent(factors)
        scaled_codes, scaled_factors = np.ldexp(codes, -code_exponent), np.ldexp(factors, -factor_exponent)
        # Less the first row before the mean, which is exact where rows are close to each other and far from zero.
        code_origin = np.stack([scaled_codes[0], (scaled_codes - scaled_codes[0]).mean(axis=0)])
        factor_mean = scaled_factors.mean(axis=0)
        centred_codes, centred_factors = scaled_codes - code_origin[0] - code_origin[1], scaled_factors - factor_mean
        size = float(np.square(centred_codes).sum())
        left, singular, right = np.linalg.svd(_square(centred_codes.T @ centred_factors))
        scale = float(singular.sum()) / size if size > 0 else 0.0
        weights = scale * (left @ right)[: codes.shape[1], : factors.shape[1]]
        return cls(code_exponent, factor_exponent, code_origin, factor_mean, weights)

    def _predict(self, codes: Table) -> Table:
        centred = np.ldexp(codes, -self.code_exponent) - self.code_origin[0] - self.code_origin[1]
        return np.asarray(np.ldexp(centred @ self.weights + self.factor_mean, self.factor_exponent))


def _exponent(table: Table) -> int:
    return int(np.frexp(np.abs(table).max())[1])


def _square(table: Table) -> npt.NDArray[np.float64]:
    dim = max(table.shape)
    return np.pad(table, [(0, dim - table.shape[0]), (0, dim - table.shape[1])])
