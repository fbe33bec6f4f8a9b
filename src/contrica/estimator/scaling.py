"""A change of units of the columns of X that a few wild values cannot spoil.

    z = (x - median) / spread,      spread = (upper quartile - lower quartile) / 1.349
    z beyond 10 in size becomes sign(z) 10 (1 + log(|z| / 10))

The spread is the standard deviation of a normal column. Beyond ten of them values are drawn in, one to one and without
a kink, so that a glitch cannot rule the gradient of a batch, and nothing is lost. A column with equal quartiles, such
as counts that are mostly 0, takes its standard deviation; a constant column becomes 0 and carries nothing. Measured in
float64 on some thousand rows, so that a large offset beside small changes is not rounded away in float32.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica.errors import DomainError
from contrica.estimator.observations import VALUES_MEASURED, Array, refuse_nonfinite, rows_of
from contrica.pairs.recording import map_of, refuse_cut
from contrica.pairs.row_draws import random_subset

NORMAL_QUARTILES = 1.3489795003921634
"""Distance of the quartiles of a normal law of unit variance."""

ROUNDING = 1e-12
"""A spread below this share of the size of the values is rounding of float64, whose step is 2e-16 of them."""

SCALING_ROWS = 65_536
"""Rows on which the units of the columns are measured."""

START_ROWS = 4096
"""Rows from which the encoder's whitening starts."""

WILD = 10.0
"""Values further than so many spreads from the median are drawn in; a normal column has none."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Centre and spread of each column; None of both leaves observations as they are.

    >>> scaling = Scaling.of(np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [1000.0, 5.0]]))
    >>> scaling.constant
    array([False,  True])
    >>> scaling(np.array([[1.5, 5.0]]))
    array([[0., 0.]])
    """

    centre: npt.NDArray[np.float64] | None
    spread: npt.NDArray[np.float64] | None

    @classmethod
    def of(cls, observations: Array) -> "Scaling":
        """Measure vectors of shape (rows, columns); images and the like are left as they are."""
        if observations.ndim != 2:
            return cls(None, None)
        table = observations.astype(np.float64)
        lower, centre, upper = np.quantile(table, (0.25, 0.5, 0.75), axis=0)
        spread = (upper - lower) / NORMAL_QUARTILES
        spread = np.where(spread > ROUNDING * np.maximum(np.abs(lower), np.abs(upper)), spread, table.std(0))
        return cls(centre, np.where(np.ptp(table, axis=0) > ROUNDING * np.abs(table).max(0), spread, np.inf))

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """Which columns do not differ from row to row; empty for images."""
        return np.zeros(0, np.bool_) if self.spread is None else np.isinf(self.spread)

    def __call__(self, observations: Array) -> Array:
        """Return the observations in the new units, float64; images and the like as they are."""
        if self.centre is None or self.spread is None:
            return observations
        scaled: npt.NDArray[np.float64] = observations.astype(np.float64)
        scaled -= self.centre
        scaled /= self.spread
        wild = np.abs(scaled) > WILD
        scaled[wild] = np.sign(scaled[wild]) * WILD * (1.0 + np.log(np.abs(scaled[wild]) / WILD))
        return scaled


def sampled(observations: Array, generator: torch.Generator) -> Array:
    """Return the rows on which units are measured, in order: all of them, or as many as memory affords at random.

    Raises
    ------
    DomainError
        If one of them is not finite, or all are equal.
    """
    refuse_cut(map_of(observations))
    size = rows_of(observations, VALUES_MEASURED, SCALING_ROWS)
    sample = np.asarray(observations[np.sort(random_subset(len(observations), size, generator).numpy())])
    refuse_nonfinite(sample, "X")
    if bool((sample == sample[0]).all()):
        raise DomainError("X must differ from row to row, got equal rows only; pass more of the recording")
    return sample


def start_of(sample: Array, scaling: Scaling) -> Tensor:
    """Return some thousand rows of the sample, from which the whitening of an encoder is measured, wild values cut."""
    size = min(len(sample), START_ROWS)
    scaled = scaling(sample[np.linspace(0, len(sample) - 1, size).astype(np.int64)])
    return torch.tensor(scaled if scaling.centre is None else scaled.clip(-WILD, WILD))
