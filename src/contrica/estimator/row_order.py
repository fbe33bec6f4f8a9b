"""Which rows of X follow each other in time: trial by trial, parted where a group ends or the times leave a gap.

Rows of one group are one trial, in the order of ``times`` where these are given and in the order of the rows where
not. A step of ``times`` that is longer than the largest gap starts a new trial, so that no pair spans it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError

LONGEST_STEP = 1.5
"""Steps of time up to this many times the median step are no gap, if not said otherwise: one missing row is one."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowOrder:
    """Rows of X in order of time, trial by trial.

    Attributes
    ----------
    rows : array of shape (rows,)
        Rows of X.
    trials, groups : arrays of shape (rows,)
        Number of the trial and of the group that each of them belongs to.
    """

    rows: Rows
    trials: Rows
    groups: Rows

    @classmethod
    def of(
        cls,
        num_rows: int,
        groups: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
        max_gap: float | None = None,
    ) -> "RowOrder":
        """Sort the rows by group and time.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If ``groups`` or ``times`` do not say one thing about each row, two rows of a group have one time, or
            ``max_gap``, which is of no effect without times, is not positive.

        Examples
        --------
        >>> order = RowOrder.of(6, times=[0.0, 0.1, 0.2, 9.0, 9.2, 9.1])
        >>> order.rows, order.trials
        (array([0, 1, 2, 3, 5, 4]), array([0, 0, 0, 1, 1, 1]))
        """
        longest = None if max_gap is None else _checks.positive(max_gap, "max_gap")
        ids = np.zeros(num_rows, np.int64) if groups is None else _numbered(groups, num_rows)
        if times is None:
            rows = np.argsort(ids, kind="stable")
            return cls(rows, ids[rows], ids[rows])
        moments = _moments(times, num_rows)
        rows = np.lexsort((moments, ids))
        steps, within = np.diff(moments[rows]), np.diff(ids[rows]) == 0
        if bool((within & (steps == 0)).any()):
            first = int(np.flatnonzero(within & (steps == 0))[0])
            raise DomainError(
                f"times must differ within a group, but rows {rows[first]} and {rows[first + 1]} have the same; number"
                " the recordings in groups, or drop repeated rows"
            )
        if longest is None:
            longest = LONGEST_STEP * float(np.median(steps[within])) if within.any() else np.inf
        starts = ~within | (steps > longest)
        return cls(rows, np.concatenate(([0], np.cumsum(starts))), ids[rows])

    def part(self, chosen: npt.NDArray[np.bool_]) -> "RowOrder":
        """Return the chosen places only; what was left out between two of them parts their trials."""
        places = np.flatnonzero(chosen)
        trials = self.trials[places]
        starts = (np.diff(places) > 1) | (np.diff(trials) != 0)
        return RowOrder(self.rows[places], np.concatenate(([0], np.cumsum(starts))), self.groups[places])


def one_each(values: npt.ArrayLike, name: str, num_rows: int) -> npt.NDArray[Any]:
    """Return ``values`` as an array of shape (num_rows,), else raise ShapeError."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (num_rows,):
        raise ShapeError(f"{name} must have one entry per row of X, {num_rows}, got shape {array.shape}; pass as many")
    return array


def _numbered(groups: npt.ArrayLike, num_rows: int) -> Rows:
    array = one_each(groups, "groups", num_rows)
    if array.dtype.kind == "O":
        array = array.astype(np.str_)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DomainError("groups must name one group per row, got NaN or infinity; drop those rows")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _moments(times: npt.ArrayLike, num_rows: int) -> npt.NDArray[np.float64]:
    array = one_each(times, "times", num_rows)
    if array.dtype.kind in "mM":
        missing, array = np.isnat(array), array.astype(np.int64).astype(np.float64)
        array[missing] = np.nan
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"times must be numbers or dates, got dtype {array.dtype}; convert them to seconds")
    moments = array.astype(np.float64)
    if not np.isfinite(moments).all():
        bad = int(np.flatnonzero(~np.isfinite(moments))[0])
        raise DomainError(f"times must be finite, got NaN or infinity in row {bad}; drop that row")
    return moments
