"""Distance between continuous labels: the largest difference of any label, each in units of its own bandwidth.

d(y, y~) = max_d |y_d - y~_d| / b_d,   a difference of a label of period P_d being at most P_d / 2
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from contrica import _checks
from contrica.errors import DomainError, ShapeError

Bandwidth: TypeAlias = float | Sequence[float] | npt.NDArray[np.floating]
"""One for all labels, or one per label, in the units of the labels."""

Periods: TypeAlias = float | Sequence[float | None]
"""One for all labels, or one per label, in the units of the labels; None for a label that has none."""

EDGE = 1 + 1e-6
"""Labels at a distance of up to this count as within: a bandwidth that is exactly a step of float32 labels is kept."""


ROUNDING = 1e-9
"""Labels are kept to 1e-16 of their size, and one around a period of this share of it still to 1e-7 of the period."""


class LabelSpace:
    """Labels of a recording, in units of their bandwidths.

    Parameters
    ----------
    labels : array of shape (rows, label_dim)
        Finite; none of the columns constant. No columns at all put every row at distance 0 of every other.
    bandwidth : float or sequence of floats
        Positive.
    periods : float or sequence of (float or None), optional
        Positive.

    Attributes
    ----------
    points : array of shape (rows, label_dim)
        Labels in units of bandwidths, periodic ones in [0, period), others from 0 on.
    periods : array of shape (label_dim,)
        In units of bandwidths; 0 where there is none.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        If a number is missing or not positive, or a label has one value only.
    """

    def __init__(self, labels: npt.NDArray[np.float64], bandwidth: Bandwidth, periods: Periods | None = None) -> None:
        """Wrap and scale."""
        columns = labels.shape[1]
        widths = np.array([_positive(width, "bandwidth") for width in _each(bandwidth, columns, "bandwidth")])
        rounds = [
            0.0 if period is None else _positive(period, "a period") for period in _each(periods, columns, "periods")
        ]
        points = labels.astype(np.float64)
        for column, (width, period) in enumerate(zip(widths, rounds, strict=True)):
            largest = float(np.abs(labels[:, column]).max(initial=0.0))
            if 0.0 < period <= ROUNDING * largest:
                raise DomainError(
                    f"a period must be far larger than the rounding of labels of up to {largest:.3g}, got {period:.3g};"
                    " pass the period in the units of the labels"
                )
            values = np.mod(labels[:, column], period) if period else labels[:, column] - labels[:, column].min()
            values[values >= period] -= period  # a tiny negative number is rounded up to the period
            if (values == values[0]).all():
                raise DomainError(
                    f"labels must differ from row to row, but column {column} has the one value"
                    f" {labels[0, column]:.6g}; drop it"
                )
            with np.errstate(over="ignore"):
                points[:, column] = values / width
        if not np.isfinite(points).all():
            raise DomainError("labels in units of bandwidth must be finite, got an overflow; pass a larger bandwidth")
        self.periods = np.array(rounds) / widths
        self.points = np.where((self.periods > 0) & (points >= self.periods), 0.0, points)

    def distances(self, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the distance of row left[i] and row right[i], in bandwidths."""
        gaps = np.abs(self.points[left] - self.points[right])
        around = np.where(self.periods > 0, np.minimum(gaps, np.abs(self.periods - gaps)), gaps)
        return np.asarray(around.max(axis=-1, initial=0.0))

    def tree(self, classes: npt.NDArray[np.int64]) -> tuple[cKDTree, float]:
        """Return a tree in which rows of one class have their distance, and a bound that other classes lie beyond."""
        beyond = 1.0 + float(np.max(np.where(self.periods > 0, self.periods, self.points.max(0)), initial=0.0))
        points = np.column_stack((self.points, 2 * beyond * classes))
        boxes = np.append(self.periods, 0.0)
        return cKDTree(points, boxsize=boxes if boxes.any() else None, balanced_tree=False), beyond


def _positive(value: float | None, name: str) -> float:
    if value is None:
        raise DomainError(f"{name} must be given for every label, got None; pass a positive number")
    return _checks.positive(value, name)


def _each(value: Bandwidth | Periods | None, columns: int, name: str) -> list[float | None]:
    values = [*value] if isinstance(value, Sequence | np.ndarray) else [value] * columns
    if len(values) != columns:
        raise ShapeError(f"{name} must be one number or one per label, {columns}, got {len(values)}; pass as many")
    return values
