"""Positive pairs from time: an observation and one that follows it in the same trial.

    k ~ q,   t ~ uniform on A_k = {t : t and t + k are rows of one trial},   x = x_t,  x~ = x_(t+k)

so p(t, k) = q(k) / |A_k|: every lag has exactly its probability, and given the lag all anchors are equally likely.
(Slow or sparse change as in Hyvarinen and Morioka 2017, AISTATS; Klindt et al. 2021, ICLR.)
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.pairs.batch import PairBatch
from contrica.pairs.dependence import linked_groups
from contrica.pairs.recording import Observations, Recording
from contrica.pairs.row_draws import below
from contrica.pairs.timeline import Separation, Timeline, TrialIds, separation

Lags: TypeAlias = int | range | Mapping[int, float]
"""One lag, equally likely lags, or the probability of each lag; in rows, negative into the past."""

PROBABILITY_SLACK = 1e-6
"""Probabilities may sum to 1 within this, which ten digits of each afford, and are then divided by their sum."""


class TemporalPairs:
    """Pairs of observations of a recording that lie a lag apart, never across the end of a trial.

    Parameters
    ----------
    observations : Tensor or array of shape (rows, ...)
        In order of time within each trial; see `Recording` for dtypes and mapped files.
    lags : int, range, or mapping of int to float
        One lag k in rows, lags that are equally likely, or q as probabilities of lags. Negative lags point into the
        past; 0 is none. Several lags, some of them long, also move factors that one short lag leaves in place.
    trials : Tensor or array of shape (rows,), integers, optional
        Which trial each row belongs to. Rows of a trial need not stand together.
    exclude_within : int or "trial", optional
        Pairs with rows at most so many rows apart, or of one trial, are not used as each other's negatives; chains of
        such pairs neither. Nothing is excluded if not given.

    Attributes
    ----------
    num_dropped_trials, num_dropped_rows : int
        Trials that are too short for every lag, and the rows they hold; none of them is drawn.

    Raises
    ------
    ShapeError, DtypeError
        If the arrays do not describe the same rows, or a type is wrong.
    DomainError
        If a lag is 0 or as long as the longest trial, probabilities are none, there is only one pair, or observations
        are not finite.

    Notes
    -----
    Draws are independent, so the x~ of another pair has the law of all positives,
    r(s) = sum_k q(k) 1[s - k in A_k] / |A_k|, which is uniform but for the ends of trials, and the best critic is
    log p(x~|x) / r(x~) up to the freedom of the loss. ``exclude_within`` changes this law: x = x_t keeps as negatives
    the rows that are not linked to t or t + k, law v, and log p / v is finite only as far as the states around t + k
    are visited at other times too. It is meant for rows that are nearly copies, such as windows that overlap.

    A draw costs a binary search among the trials, whatever the number of rows.

    Examples
    --------
    >>> pairs = TemporalPairs(torch.arange(100.0)[:, None], lags={1: 0.5, 10: 0.5})
    >>> batch = pairs.draw(4, generator=torch.Generator().manual_seed(0))
    >>> sorted({int(lag) for lag in batch.positives - batch.anchors})
    [1, 10]
    """

    def __init__(
        self,
        observations: Observations,
        *,
        lags: Lags,
        trials: TrialIds | None = None,
        exclude_within: Separation | None = None,
    ) -> None:
        """Sort the trials by length; the observations stay where they are."""
        self._recording = Recording(observations)
        self._timeline = Timeline(self._recording.num_rows, trials)
        self._lags, self._cumulative = _law_of(lags)
        self._exclude_within = (
            None if exclude_within is None else separation(exclude_within, "exclude_within", self._timeline)
        )
        lengths = self._timeline.lengths
        longest_first = np.argsort(-lengths, kind="stable")
        self._lengths, self._firsts = lengths[longest_first], self._timeline.firsts[longest_first]
        self._rows_before = np.concatenate(([0], np.cumsum(self._lengths)))
        reach = np.abs(self._lags)
        if reach.max() >= self._lengths[0]:
            raise DomainError(
                f"lags must be shorter than the longest trial, which has {self._lengths[0]} rows, got"
                f" {self._lags[reach.argmax()]}; pass shorter lags or longer trials"
            )
        self._num_trials = np.searchsorted(-self._lengths, -reach, side="left")  # trials longer than each lag
        self._num_anchors = self._rows_before[self._num_trials] - self._num_trials * reach
        if self._num_anchors.sum() < 2:
            raise DomainError("there must be at least 2 pairs, got 1; pass shorter lags or more rows")
        too_short = lengths <= reach.min()
        self.num_dropped_trials = int(too_short.sum())
        self.num_dropped_rows = int(lengths[too_short].sum())

    @property
    def num_rows(self) -> int:
        """How many rows the recording has."""
        return self._recording.num_rows

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` independent pairs.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 2, ``generator`` is none, a drawn row of a mapped file
            is not finite, or ``exclude_within`` leaves no negatives.
        """
        rows = self.draw_rows(_checks.count(batch_size, "batch_size", least=2), generator=generator)
        within = self._exclude_within
        groups = None if within is None else linked_groups(*rows, self._timeline, within)
        anchors, positives = (self._recording.take(side) for side in rows)
        return PairBatch(anchors, positives, None if groups is None else groups.to(anchors.device))

    def draw_rows(self, batch_size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the rows of x and of x~, each of shape (batch_size,); `draw` takes the same from equal generators.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 1, or ``generator`` is none.
        """
        size = _checks.count(batch_size, "batch_size")
        _checks.generator(generator)
        uniforms = torch.rand(size, generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy()
        which = np.searchsorted(self._cumulative, uniforms, side="right")
        lags = self._lags[which]
        ranks = below(torch.from_numpy(self._num_anchors[which]), generator).numpy()
        anchors = self._places_of(ranks, np.abs(lags), self._num_trials[which]) + np.maximum(0, -lags)
        rows = self._timeline.rows
        return torch.from_numpy(rows[anchors]), torch.from_numpy(rows[anchors + lags])

    def time_lags(self, anchor_rows: Tensor, positive_rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lag of each pair of rows, and whether both are of one trial."""
        return self._timeline.lags(anchor_rows, positive_rows)

    def _places_of(
        self, ranks: npt.NDArray[np.int64], reach: npt.NDArray[np.int64], num_trials: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the place of the earlier row of pair number ``rank`` among all pairs that are ``reach`` rows apart.

        The m longest trials hold sum_(i<=m) (length_i - reach) pairs, which grows with m: the trial is found by
        bisection, without a table per lag.
        """
        low, high = np.zeros_like(ranks), num_trials - 1
        while (low < high).any():
            middle = (low + high) // 2
            beyond = self._rows_before[middle + 1] - (middle + 1) * reach <= ranks
            low, high = np.where(beyond, middle + 1, low), np.where(beyond, high, middle)
        places: npt.NDArray[np.int64] = self._firsts[low] + ranks - (self._rows_before[low] - low * reach)
        return places


def _law_of(lags: Lags) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the lags that have a chance, and the chances of all but the last, summed."""
    if isinstance(lags, Mapping):
        values = [lag for lag, chance in lags.items() if _chance(lag, chance) > 0]
        chances = np.array([float(lags[lag]) for lag in values])
        if not abs(chances.sum() - 1) <= PROBABILITY_SLACK:
            raise DomainError(f"probabilities of lags must sum to 1, got {chances.sum():.6g}; divide them by their sum")
    elif isinstance(lags, range):
        values, chances = list(lags), np.ones(len(lags))
    else:
        values, chances = [lags], np.ones(1)
    if not values:
        raise DomainError("there must be at least 1 lag, got none; pass a range that is not empty")
    for lag in values:
        if _checks.count(lag, "a lag", least=-(2**62)) == 0:
            raise DomainError("a lag must not be 0, for every row is equal to itself, got 0; pass lags from 1 on")
    return np.array(values, np.int64), np.cumsum(chances / chances.sum())[:-1]


def _chance(lag: int, chance: float) -> float:
    number = _checks.finite(chance, f"the probability of lag {lag}")
    if number < 0:
        raise DomainError(f"the probability of lag {lag} must be at least 0, got {chance!r}; pass probabilities")
    return number
