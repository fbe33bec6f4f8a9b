"""A score and its interval: the percentile bootstrap over the rows that were scored, the fitted map held fixed.

    value* = g( sum_u w_u t_u / sum_u w_u m_u ),   w ~ Multinomial(U; 1/U, ..., 1/U)

Every score here is a function g of means of row statistics. Their sums t_u over each of U units (a row, a group of
rows, or a random bundle of them; m_u rows each) are computed once, so a resample is one row of a matrix product and
nothing is refitted. Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contrica import _checks
from contrica.errors import DomainError, UnreliableScoreError
from contrica.evaluation.tables import Table

MOST_UNITS = 2000
"""More units than this are bundled at random: the standard error from U units is itself off by 1/sqrt(2 U), 1.6 %
here, less than the 5 % that 200 resamples leave."""

FEWEST_UNITS = 20
"""Below this many units a percentile interval is too short: by about 1 - sqrt(1 - 1/U), 2.5 % in length here, and by
far more in coverage where the statistic is skewed."""


@dataclass(frozen=True)
class Score:
    """A value measured on rows that nothing was fitted on, and how far it may be off.

    Parameters
    ----------
    value : float
        The score, where 1 is perfect unless the metric says otherwise.
    low, high : float
        Ends of the percentile interval at ``confidence``. They speak of the choice of scored rows only, not of the
        choice of fitted rows nor of another training run.
    per_factor : tuple of float
        The parts that ``value`` summarises, one per factor.
    chance : float or None
        What codes that know nothing of the factors get on average; None where only a noise floor can tell.
    rows : int
        Number of scored rows.
    confidence : float
        Nominal coverage of the interval.
    """

    value: float
    low: float
    high: float
    per_factor: tuple[float, ...]
    chance: float | None
    rows: int
    confidence: float

    def __str__(self) -> str:
        return f"{self.value:6.3f}  [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class InSampleScore:
    """A value measured on the rows it was fitted on: comparable with published numbers, optimistic.

    It has no interval, because resampling rows that were fitted does not show how far the fit is off.

    Parameters
    ----------
    value : float
        The score.
    per_factor : tuple of float
        The parts of which ``value`` is the mean.
    chance : float or None
        What codes that know nothing of the factors get on average; None where only a noise floor can tell.
    rows : int
        Number of rows, all of them fitted and scored.
    """

    value: float
    per_factor: tuple[float, ...]
    chance: float | None
    rows: int


@dataclass(frozen=True)
class Resampling:
    """Bootstrap weights of the scored rows, drawn once and shared by all metrics of these rows."""

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    shares: Table
    confidence: float

    @classmethod
    def draw(
        cls,
        units: npt.NDArray[np.intp],
        *,
        generator: np.random.Generator,
        resamples: int = 200,
        confidence: float = 0.95,
    ) -> "Resampling":
        """Draw weights for rows whose unit is ``units``, numbered from 0 without gaps."""
        _checks.count(resamples, "resamples", least=50)
        if not 0.0 < _checks.finite(confidence, "confidence") < 1.0:
            raise DomainError(f"confidence must lie between 0 and 1, got {confidence!r}; pass for example 0.95")
        count = int(units.max()) + 1
        if count > MOST_UNITS:
            units = (generator.permutation(count) % MOST_UNITS)[units]
            count = MOST_UNITS
        order = np.argsort(units, kind="stable")
        starts = np.searchsorted(units[order], np.arange(count))
        picks = generator.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
        weights = np.bincount(picks.ravel(), minlength=resamples * count).reshape(resamples, count).astype(np.float64)
        return cls(order, starts, weights / (weights @ np.bincount(units))[:, None], confidence)

    def means(self, statistics: Table) -> Table:
        """Resampled means, of shape (resamples, columns), of row statistics of shape (rows, columns)."""
        sums = np.add.reduceat(statistics[self.order], self.starts, axis=0)
        return np.asarray(self.shares @ sums)

    def interval(self, values: Table) -> tuple[float, float]:
        """Percentiles of resampled values of shape (resamples,); refuses if the units are too few to resample."""
        count = self.starts.size
        if count < FEWEST_UNITS:
            raise UnreliableScoreError(
                f"an interval needs at least {FEWEST_UNITS} independent units among the scored rows, got {count};"
                " pass more rows, or more groups"
            )
        tail = 50.0 * (1.0 - self.confidence)
        low, high = np.percentile(values, [tail, 100.0 - tail])
        return float(low), float(high)

    def score(self, per_factor: Table, resampled: Table, *, chance: float | None = 0.0) -> Score:
        """Summarise by the mean over factors, resampled values being of shape (resamples, factors)."""
        low, high = self.interval(resampled.mean(axis=1))
        return Score(
            value=float(per_factor.mean()),
            low=low,
            high=high,
            per_factor=tuple(per_factor.tolist()),
            chance=chance,
            rows=self.order.size,
            confidence=self.confidence,
        )
