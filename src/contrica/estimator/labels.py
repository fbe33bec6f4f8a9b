"""What y says: continuous labels, which may be near each other, and discrete ones, which are equal or not.

Column by column, floating numbers are continuous, and whole numbers, booleans and text are discrete; ``label_kinds``
says otherwise. Several discrete columns are one class: rows share it if they agree in all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.estimator.observations import refuse_nonfinite
from contrica.pairs.label_space import Periods

KINDS = ("auto", "continuous", "discrete")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of the rows of X, in the order of X.

    Attributes
    ----------
    continuous : array of shape (rows, label_dim), float64, or None
    classes : array of shape (rows,), int64, or None
    """

    continuous: npt.NDArray[np.float64] | None
    classes: npt.NDArray[np.int64] | None

    @classmethod
    def of(cls, y: Any, num_rows: int, kinds: str | Sequence[str] = "auto") -> "Labels":
        """Read y, an array or a table of one or several columns.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If y does not have one entry per row, a column is neither numbers nor text, a continuous label is not
            finite, or a kind is unknown.

        Examples
        --------
        >>> labels = Labels.of(np.array([[0.5, 1], [0.1, 0], [0.3, 1]]), 3, ["continuous", "discrete"])
        >>> labels.continuous.ravel(), labels.classes
        (array([0.5, 0.1, 0.3]), array([1, 0, 1]))
        """
        columns = _columns(y, num_rows)
        wanted = [kinds] * len(columns) if isinstance(kinds, str) else list(kinds)
        if len(wanted) != len(columns):
            raise ShapeError(f"label_kinds must name one kind per column of y, {len(columns)}, got {len(wanted)}")
        continuous, discrete = [], []
        for number, (column, kind) in enumerate(zip(columns, wanted, strict=True)):
            _checks.choice(kind, "label_kinds", KINDS)
            if bool((column == column[0]).all()):
                raise DomainError(
                    f"labels must differ from row to row, but column {number} of y has the one value {column[0]}; drop"
                    " it, or say pairs='time'"
                )
            if kind == "discrete" or (kind == "auto" and column.dtype.kind != "f"):
                discrete.append(np.unique(column, return_inverse=True)[1])
                continue
            if column.dtype.kind not in "fiub":
                raise DtypeError(f"a continuous label must be numbers, got {column.dtype} in column {number} of y")
            refuse_nonfinite(column[:, None], f"column {number} of y")
            continuous.append(column.astype(np.float64))
        classes = None
        if discrete:
            classes = np.unique(np.stack(discrete, 1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
            if num_rows > 1 and classes.max() == num_rows - 1:
                raise DomainError(
                    f"rows that share a class are pairs, but all {num_rows} rows of y differ; pass coarser"
                    " labels, or floating numbers, or label_kinds='continuous'"
                )
        return cls(np.stack(continuous, 1) if continuous else None, classes)

    def part(self, rows: npt.NDArray[np.int64]) -> "Labels":
        """Return the labels of ``rows``."""
        continuous, classes = self.continuous, self.classes
        return Labels(None if continuous is None else continuous[rows], None if classes is None else classes[rows])

    def bandwidth(self, periods: Periods | None) -> list[float] | None:
        """Return a bandwidth per continuous label: its spread times rows^(-1 / (label_dim + 4)), Scott's rule.

        A periodic label spreads no further than evenly around its period. None where there is no continuous label.
        """
        if self.continuous is None:
            return None
        rows, dim = self.continuous.shape
        spreads = self.continuous.std(0)
        each = periods if isinstance(periods, Sequence) else [periods] * dim
        for column, period in enumerate(each[:dim]):
            if period is not None:
                spreads[column] = min(spreads[column], period / np.sqrt(12.0))
        return [float(spread) for spread in spreads * rows ** (-1.0 / (dim + 4.0))]


def _columns(y: Any, num_rows: int) -> list[npt.NDArray[Any]]:
    if hasattr(y, "columns"):  # a table of several dtypes
        columns = [np.asarray(y[name]) for name in y.columns]
    else:
        array = np.asarray(y)
        if array.ndim not in (1, 2) or array.size == 0:
            raise ShapeError(
                f"y must have shape (rows,) or (rows, labels), got {array.shape}; pass one row per row of X"
            )
        columns = [array] if array.ndim == 1 else list(array.T)
    if any(len(column) != num_rows for column in columns):
        raise ShapeError(f"y must have one row per row of X, {num_rows}, got {len(columns[0])}; pass as many")
    columns = [np.asarray(column.tolist()) if column.dtype.kind == "O" else column for column in columns]
    for number, column in enumerate(columns):
        if column.dtype.kind not in "fiubUS" or column.ndim != 1:
            raise DtypeError(f"labels must be numbers or text, got dtype {column.dtype} in column {number} of y")
    return columns
