"""Axes of an affine result: the linear map after which each code stands for one factor, and why one may believe so.

    s_hat = W (h - h_0),    h = A s + b,    W A = P D  up to estimation: a permutation times a scale per factor

Every component has mean 0 and standard deviation 1 on the codes that were given, and the entry of ``W`` of largest size
in each row is positive; order, sign and scale of factors are not identified by anything here.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np

from contrica.errors import ShapeError
from contrica.second_stage.evidence import Evidence
from contrica.second_stage.tables import Rows, Table, read

Method: TypeAlias = Literal["ICA on pair differences", "ICA on codes", "noise ratios"]


@dataclass(frozen=True, eq=False)
class Axes:
    """An unmixing of codes, with what it rests on.

    Parameters
    ----------
    unmixing : array of shape (code_dim, code_dim)
        Row i gives component i from centred codes.
    origin : array of shape (code_dim,)
        What the codes are centred with.
    method : str
        What singled the axes out.
    evidence : tuple of Evidence
        The tests of the method's assumptions, each passed.
    assumed : tuple of str
        What no test here can see and has to be known.
    ruled_out : tuple of str
        Methods that were tried before, and what failed for each.

    Examples
    --------
    >>> quarter = Axes(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1.0, 2.0]), "noise ratios", (), ())
    >>> quarter.transform([[1.0, 5.0]])
    array([[3., 0.]])
    """

    unmixing: Table
    origin: Table
    method: Method
    evidence: tuple[Evidence, ...]
    assumed: tuple[str, ...]
    ruled_out: tuple[str, ...] = ()

    @classmethod
    def along(
        cls, directions: Table, codes: Table, method: Method, evidence: tuple[Evidence, ...], assumed: tuple[str, ...]
    ) -> Self:
        """Return axes whose components of ``codes``, ``directions`` applied, have standard deviation 1."""
        origin = codes.mean(axis=0)
        unmixing = directions / ((codes - origin) @ directions.T).std(axis=0)[:, None]
        largest = np.take_along_axis(unmixing, np.abs(unmixing).argmax(axis=1)[:, None], axis=1)
        return cls(unmixing * np.sign(largest), origin, method, evidence, assumed)

    def transform(self, codes: Rows) -> Table:
        """Return components of shape (rows, code_dim), one column per factor.

        Raises
        ------
        ShapeError, DomainError, DtypeError
            If codes is not a finite table with the columns that the axes were found for.
        """
        table = read(codes, "codes")
        if table.shape[1] != len(self.origin):
            raise ShapeError(
                f"these axes were found for {len(self.origin)} codes, got {table.shape[1]} columns; pass codes of the"
                " same encoder"
            )
        return np.asarray((table - self.origin) @ self.unmixing.T)

    def supported(self, further: Evidence, ruled_out: tuple[str, ...]) -> Self:
        """Return the same axes with one more finding, and the methods that were tried before."""
        return replace(self, evidence=(*self.evidence, further), ruled_out=ruled_out)

    def __str__(self) -> str:
        """State method, evidence and what has to be known besides."""
        lines = [f"{len(self.origin)} axes by {self.method}.", *(f"  + {each}" for each in self.evidence)]
        lines += [f"  ? not tested: {each}" for each in self.assumed]
        return "\n".join(lines + [f"  - before: {each}" for each in self.ruled_out])
