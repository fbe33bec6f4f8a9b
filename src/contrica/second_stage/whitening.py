"""Whitening: the affine map after which columns are uncorrelated with variance 1, so that only a rotation is left.

z = L^-1/2 V^T D^-1 (x - mean),    D = diag(sd),    correlation matrix = V L V^T
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from contrica.errors import NotIdentifiableError
from contrica.second_stage.tables import Table, constant_columns

LEAST_SHARE = 1e-9
"""A direction with less than this share of the largest variance, after every column was given variance 1, is rounding
or training error; float64 keeps 16 digits, so above it 7 are left."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """The map of the rows it was fitted on: ``z = (x - origin) @ matrix.T``.

    Examples
    --------
    >>> table = np.random.default_rng(0).normal(size=(100, 2)) @ np.array([[3.0, 1.0], [0.0, 1.0]])
    >>> whitened = Whitening.fit(table, "codes").apply(table)
    >>> bool(np.allclose(whitened.T @ whitened / 100, np.eye(2)))
    True
    """

    origin: Table
    matrix: Table

    @classmethod
    def fit(cls, table: Table, name: str) -> Self:
        """Measure ``table``; raise NotIdentifiableError if its columns are linearly dependent, or one is constant."""
        origin = table.mean(axis=0)
        constant = constant_columns(table)
        deviation = np.where(constant, 1.0, (table - origin).std(axis=0))
        standardised = np.where(constant, 0.0, (table - origin) / deviation)
        variances, directions = np.linalg.eigh(standardised.T @ standardised / len(table))
        rank = int(np.sum(variances > LEAST_SHARE * variances[-1]))
        if rank < table.shape[1]:
            raise NotIdentifiableError(
                f"assumption 'as many codes as factors, all of which move' fails: the {table.shape[1]} columns of"
                f" {name} span {rank} directions; keep that many first, see estimate_num_latents"
            )
        return cls(origin, directions.T / np.sqrt(variances)[:, None] / deviation)

    def apply(self, table: Table) -> Table:
        """Return whitened rows."""
        return np.asarray((table - self.origin) @ self.matrix.T)


def decorrelate(components: Table) -> Table:
    """Return the uncorrelated columns of variance 1 closest to those of ``components``: ``Y (Y^T Y/n)^-1/2``."""
    centred = components - components.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    return np.asarray(centred @ inverse_root(variances, directions))


def inverse_root(variances: Table, directions: Table) -> Table:
    """Return ``C^-1/2`` of the covariance with these eigenvalues and eigenvectors, the former cut from below.

    Numerics: a resample may miss the few rows in which a rare value occurs; its variance then counts as ``LEAST_SHARE``
    of the largest, so that the resample differs from the others instead of being infinite.
    """
    return np.asarray((directions / np.sqrt(np.maximum(variances, LEAST_SHARE * variances[-1]))) @ directions.T)
