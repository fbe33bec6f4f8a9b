"""The regularised incomplete gamma function and its inverse, tabulated once and then a few nanoseconds per value.

    P(a, w) = w^a phi(w) / Gamma(a + 1),      phi(w) = 1F1(a; a + 1; -w),      1 = P + Q

Both tables are quintic Hermite splines whose values and two derivatives at the nodes are exact: log phi as a function
of ``z = log w``, and z as a function of the log odds ``log P - log Q``. In these variables every curve is smooth, for
small and large a alike, so that the splines agree with the function to about 1e-14. (Abramowitz, Stegun 1964, 6.5.)
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy import special
from torch import Tensor

LOG_SMALLEST = -37.0
"""Below ``w = e^-37`` phi(w) = 1 - w a/(a+1) + ... is 1 to the last bit."""

LARGEST_EXPONENTIAL = 745.0
"""Above ``w = 745 + 2a`` Q is zero in float64."""

LARGEST_LOG_ODDS = 37.0
"""Beyond log odds of 37 a probability in float64 is 1."""

SMALLEST_LOG_ODDS = -745.0
"""Below log odds of -745 a probability in float64 is 0."""

NODE_SPACING = 1.0 / 64.0
"""A quintic Hermite spline errs by h^6/46080 times a sixth derivative: 3e-16 for this spacing."""

NEWTON_STEPS = 6
"""The nodes of the inverse start within one spacing of their place and converge quadratically."""

_Array = npt.NDArray[np.float64]


class IncompleteGamma:
    """P(shape, w) and its inverse for one shape a > 0, in float64.

    >>> gamma = IncompleteGamma(1.0)  # the exponential law, P = 1 - exp(-w)
    >>> gamma.log_quantile(torch.tensor([0.0], dtype=torch.float64)).exp()  # the median, log 2
    tensor([0.6931], dtype=torch.float64)
    """

    def __init__(self, shape: float) -> None:
        self.shape = shape
        self.log_total = math.lgamma(shape + 1.0)
        self.log_largest = math.log(LARGEST_EXPONENTIAL + 2.0 * shape)
        # For large a, P rises within 1/sqrt(a). A power of two keeps the nodes exact.
        spacing = NODE_SPACING * 0.5 ** math.ceil(max(0.0, math.log2(math.sqrt(shape) / 3.0)))
        z = np.arange(LOG_SMALLEST, self.log_largest + spacing, spacing)
        log_below, log_above = _log_probabilities(shape, z)
        slope = np.exp(_log_density(shape, z) - log_below)
        log_phi = log_below + self.log_total - shape * z
        bend = slope * (shape - np.exp(z) - slope)
        self._log_phi = _Quintic(z[0], spacing, log_phi, slope - shape, bend)

        log_odds = log_below - log_above
        least = max(log_odds[0], SMALLEST_LOG_ODDS)
        nodes = least + NODE_SPACING * np.arange(math.ceil((LARGEST_LOG_ODDS - least) / NODE_SPACING) + 1)
        inverse = np.interp(nodes, log_odds[np.isfinite(log_odds)], z[np.isfinite(log_odds)])
        for _ in range(NEWTON_STEPS):
            log_below, log_above = _log_probabilities(shape, inverse)
            stretch = np.exp(log_below + log_above - _log_density(shape, inverse))
            inverse = np.clip(inverse - (log_below - log_above - nodes) * stretch, LOG_SMALLEST, self.log_largest)
        log_below, log_above = _log_probabilities(shape, inverse)
        slope = np.exp(log_below + log_above - _log_density(shape, inverse))
        bend = slope * (np.exp(log_above) - np.exp(log_below)) - slope**2 * (shape - np.exp(inverse))
        self._log_quantile = _Quintic(nodes[0], NODE_SPACING, inverse, slope, bend)
        self.least_log_odds = float(nodes[0])

    def log_phi(self, log_w: Tensor) -> Tensor:
        """Return ``log(P(a, w) Gamma(a + 1) / w^a)``, 0 for small w, up to ``log_largest``, where P is 1 in float64."""
        return self._log_phi(log_w.clamp(LOG_SMALLEST, self.log_largest))

    def log_quantile(self, log_odds: Tensor) -> Tensor:
        """Return log w where ``log P(a, w) - log Q(a, w)`` is ``log_odds``; the power law ``w^a`` below the table."""
        inside = self._log_quantile(log_odds.clamp(self.least_log_odds, LARGEST_LOG_ODDS))
        beyond = log_odds < self.least_log_odds
        if not bool(beyond.any()):
            return inside
        below = (torch.nn.functional.logsigmoid(log_odds) + self.log_total) / self.shape
        return torch.where(beyond, below, inside)


@lru_cache(maxsize=32)
def incomplete_gamma(shape: float) -> IncompleteGamma:
    """Return the tables for this shape, built once."""
    return IncompleteGamma(shape)


class _Quintic:
    """A C2 piecewise quintic on equidistant nodes from values, slopes and second derivatives."""

    def __init__(self, start: float, spacing: float, value: _Array, slope: _Array, bend: _Array) -> None:
        self.start = float(start)
        self.spacing = spacing
        rise = np.diff(value)
        left, right = spacing * slope[:-1], spacing * slope[1:]
        left_bend, right_bend = spacing**2 * bend[:-1], spacing**2 * bend[1:]
        coefficients = (
            value[:-1],
            left,
            0.5 * left_bend,
            10.0 * rise - 6.0 * left - 4.0 * right - 1.5 * left_bend + 0.5 * right_bend,
            -15.0 * rise + 8.0 * left + 7.0 * right + 1.5 * left_bend - right_bend,
            6.0 * rise - 3.0 * (left + right) - 0.5 * (left_bend - right_bend),
        )
        self.coefficients = [torch.from_numpy(np.ascontiguousarray(column)) for column in coefficients]

    def __call__(self, points: Tensor) -> Tensor:
        place = ((points - self.start) / self.spacing).reshape(-1)
        panel = place.to(torch.int32).clamp_(0, len(self.coefficients[0]) - 1)
        rest = place - panel
        result = self.coefficients[-1].index_select(0, panel)
        for coefficient in self.coefficients[-2::-1]:
            result = coefficient.index_select(0, panel).addcmul_(result, rest)
        return result.reshape(points.shape)


def _log_density(shape: float, z: _Array) -> _Array:
    """Return the log density of ``z = log w``, w gamma distributed."""
    return np.asarray(shape * z - np.exp(z) - math.lgamma(shape))


def _log_probabilities(shape: float, z: _Array) -> tuple[_Array, _Array]:
    """Return log P and log Q, each accurate where it is small."""
    w = np.exp(z)
    series = (
        shape * z - w - math.lgamma(shape + 1.0) + np.log(special.hyp1f1(1.0, shape + 1.0, np.minimum(w, shape + 1)))
    )
    with np.errstate(divide="ignore"):
        log_above = np.log(special.gammaincc(shape, w))
    small = w <= shape + 1.0
    with np.errstate(divide="ignore"):
        log_below = np.where(small, series, np.log1p(-np.exp(np.minimum(log_above, -1e-300))))
        log_above = np.where(log_below < -1.0, np.log1p(-np.exp(np.minimum(log_below, -1e-300))), log_above)
    return log_below, log_above
