"""The integral over the length of a normal vector whose direction is given, in logs, tabulated once per dimension.

    J_n(t) = int_0^inf r^(n-1) exp(-r^2/2 + t r) dr

A normal vector of mean m and unit variance points to u with density ``(2 pi)^(-n/2) exp(-|m|^2/2) J_n(<u, m>)`` on the
unit sphere. (Mardia, Jupp 2000, section 3.5.6.)
"""

from functools import lru_cache

import torch
from torch import Tensor

from contrica.latents.interpolation import PiecewiseChebyshev
from contrica.latents.quadrature import ladder, refine

PEAK_WIDTH = 0.1
"""First rung of the mesh in units of the integrand's peak; narrower peaks are found by halving."""


class RadialIntegral:
    """log J_n(t) for t in [-reach, reach].

    Numerics: ``log J_n(t) - max(t, 0)^2/2`` is what is integrated and tabulated; it grows like log t only, so its error
    stays near 1e-10 however far t reaches.

    >>> integral = RadialIntegral(2, 3.0)
    >>> round(float(integral(torch.zeros(1, dtype=torch.float64))), 9)   # int r exp(-r^2/2) dr = 1
    0.0
    """

    def __init__(self, dim: int, reach: float) -> None:
        self._dim = dim
        edges = torch.linspace(-reach, reach, 9, dtype=torch.float64)
        edges[4] = 0.0
        self._table = PiecewiseChebyshev(self._log_excess, edges)

    def __call__(self, t: Tensor) -> Tensor:
        """Return log J_n at float64 numbers of any shape; those beyond the reach by rounding are pulled back."""
        return self._table(t.clamp(self._table.low, self._table.high)) + 0.5 * t.clamp_min(0.0).square()

    def _log_excess(self, t: Tensor) -> Tensor:
        exponent = self._dim - 1.0
        peak = 0.5 * (t.abs() + (t.square() + 4.0 * exponent).sqrt())
        peak = torch.where(t >= 0.0, peak, exponent / peak)  # the same root, without cancellation

        def log_integrand(nodes: Tensor, owners: Tensor) -> Tensor:
            length = peak[owners] * nodes
            positive = t[owners].clamp_min(0.0)
            # -r^2/2 + t r - t_+^2/2 is -(r - t)^2/2 right of zero.
            bend = torch.where(
                t[owners] >= 0.0, -0.5 * (length - positive).square(), length * (t[owners] - 0.5 * length)
            )
            return exponent * length.log() + bend

        edges = ladder([(torch.ones_like(t), PEAK_WIDTH)], low=0.0, high=torch.inf)
        return refine(log_integrand, edges).log_integrals() + peak.log()


@lru_cache(maxsize=32)
def radial_integral(dim: int, reach: float) -> RadialIntegral:
    """Return the table for n = dim on [-reach, reach], built at the first call."""
    return RadialIntegral(dim, reach)
