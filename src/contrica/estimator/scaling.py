"""A change of units of the columns of X that a few wild values cannot spoil.

    z = (x - median) / spread,      spread = (upper quartile - lower quartile) / 1.349,

which is the standard deviation of a normal column. A column with equal quartiles, such as counts that are mostly 0,
takes its standard deviation; a constant column becomes 0 and carries nothing. Measured in float64 on some thousand
rows, so that a large offset beside small changes is not rounded away in float32.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NORMAL_QUARTILES = 1.3489795003921634
"""Distance of the quartiles of a normal law of unit variance."""

ROUNDING = 1e-12
"""A spread below this share of the size of the values is rounding of float64, whose step is 2e-16 of them."""


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
    def of(cls, observations: npt.NDArray[Any]) -> "Scaling":
        """Measure vectors of shape (rows, columns); images and the like are left as they are."""
        if observations.ndim != 2:
            return cls(None, None)
        table = observations.astype(np.float64)
        lower, centre, upper = np.quantile(table, (0.25, 0.5, 0.75), axis=0)
        spread = (upper - lower) / NORMAL_QUARTILES
        floor = ROUNDING * np.abs(table).max(0)
        spread = np.where(spread > floor, spread, table.std(0))
        return cls(centre, np.where(spread > floor, spread, np.inf))

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """Which columns do not differ from row to row; empty for images."""
        return np.zeros(0, np.bool_) if self.spread is None else np.isinf(self.spread)

    def __call__(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the observations in the new units, float64."""
        table = observations.astype(np.float64)
        if self.centre is None or self.spread is None:
            return table
        scaled: npt.NDArray[np.float64] = (table - self.centre) / self.spread
        return scaled
