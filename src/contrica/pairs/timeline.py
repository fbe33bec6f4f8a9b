"""Time of the rows of a recording, in rows: within a trial the rows follow each other, between trials there is a gap.

Every row has a place: trials are laid end to end, the rows of each in the order in which they stand in the recording.
The lag from row r to row s of the same trial is place(s) - place(r).
"""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError

TrialIds: TypeAlias = Tensor | npt.NDArray[np.integer]
"""One integer per row: rows of equal id are of one trial, whether they stand together or not."""

Separation: TypeAlias = int | Literal["trial"]
"""A distance in time: so many rows of a trial, or as far as the trial goes."""


class Timeline:
    """Where each row stands in its trial.

    Parameters
    ----------
    num_rows : int
        Rows of the recording.
    trials : Tensor or array of shape (num_rows,), integers, optional
        Which trial each row belongs to; one trial if not given.

    Attributes
    ----------
    rows : array of shape (num_rows,)
        The row at each place.
    places : array of shape (num_rows,)
        The place of each row.
    firsts, lengths : arrays of shape (num_trials,)
        Place of the first row of each trial, and how many rows it has.

    Raises
    ------
    ShapeError, DtypeError
        If ``trials`` is not one integer per row.

    Examples
    --------
    >>> time = Timeline(4, np.array([7, 3, 7, 3]))
    >>> time.rows, time.lengths
    (array([1, 3, 0, 2]), array([2, 2]))
    """

    def __init__(self, num_rows: int, trials: TrialIds | None = None) -> None:
        """Lay the trials end to end."""
        ids = np.zeros(num_rows, np.int64) if trials is None else _checks.ids(trials, "trials", rows=num_rows)
        self.rows = np.argsort(ids, kind="stable")
        self.places = np.empty_like(self.rows)
        self.places[self.rows] = np.arange(num_rows)
        self.lengths = np.unique(ids, return_counts=True)[1]
        self.firsts = np.cumsum(self.lengths) - self.lengths
        self._trial_at = np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def num_trials(self) -> int:
        """How many trials there are."""
        return len(self.lengths)

    def trials_at(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the trial, numbered from 0, of each place."""
        return self._trial_at[places]

    def surroundings(self, separation: Separation) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return, for each place, the first and the last place at most ``separation`` away, itself among them."""
        first = np.repeat(self.firsts, self.lengths)
        last = np.repeat(self.firsts + self.lengths - 1, self.lengths)
        if separation == "trial":
            return first, last
        here, reach = np.arange(self.num_rows), min(int(separation), self.num_rows)
        return np.maximum(first, here - reach), np.minimum(last, here + reach)

    def lags(self, anchor_rows: Tensor, positive_rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lag of each pair of rows, in rows, and whether both are of one trial; elsewhere the lag is 0."""
        anchors, positives = (self.places[rows.cpu().numpy()] for rows in (anchor_rows, positive_rows))
        together = self._trial_at[anchors] == self._trial_at[positives]
        return torch.from_numpy((positives - anchors) * together), torch.from_numpy(together)


def separation(value: Separation, name: str, timeline: Timeline) -> Separation:
    """Return ``value`` if it is a count of rows or, where there are several trials, "trial"; else raise.

    Raises
    ------
    DomainError, DtypeError
        Otherwise.
    """
    if not isinstance(value, str):
        return _checks.count(value, name, least=0)
    if value != "trial":
        raise DomainError(f"{name} must be a number of rows or 'trial', got {value!r}; pass one of them")
    if timeline.num_trials < 2:
        raise DomainError(f"{name}='trial' needs rows of at least 2 trials, got 1; pass trials, or a number of rows")
    return "trial"
