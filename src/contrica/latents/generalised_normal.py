"""Generalised normal noise on intervals, without rejection: density, normaliser and draws of one factor.

    p(x | c) = exp(-(|x - c|/scale)^p) / Z(c)  on [low, high],      F(t) = sign(t) int_0^|t| exp(-u^p) du,

    Z(c) = scale (F(h) - F(l)),  x = c + scale F^-1(F(l) + uniform (F(h) - F(l))),  l, h = (low - c, high - c)/scale

F is odd, so the centre, which must lie in the interval, costs no precision. On several intervals the masses add up.
Laplace(b) is p = 1 with scale b, and normal(sigma) is p = 2 with scale sqrt(2) sigma. (Subbotin 1923; inverse-transform
sampling.)
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from contrica.latents.incomplete_gamma import incomplete_gamma

LARGEST = torch.finfo(torch.float64).max

LEAST_EXPONENT, LARGEST_EXPONENT = 0.1, 100.0
"""Below, tables grow long and tails heavier than float64 is wide; above, flanks are too steep to be integrated fast."""


class GeneralisedNormalLaw:
    """exp(-|t|^p) on the line: its odd integral F, the inverse of F, and ``total = F(infinity) = Gamma(1 + 1/p)``.

    Numerics: F and its inverse carry a relative error of about 1e-14 for arguments of any size. Closed forms for
    p = 1 (exponential) and p = 2 (error function), splines of the incomplete gamma function otherwise.

    >>> GeneralisedNormalLaw(1.0).integral(torch.tensor([-1.0], dtype=torch.float64))
    tensor([-0.6321], dtype=torch.float64)
    """

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent
        self.total = math.gamma(1.0 + 1.0 / exponent)

    def integral(self, t: Tensor) -> Tensor:
        """Return F(t), odd in t."""
        if self.exponent == 1.0:
            return torch.copysign(torch.expm1(-t.abs()), t)
        if self.exponent == 2.0:
            return self.total * torch.erf(t)
        gamma = incomplete_gamma(1.0 / self.exponent)
        magnitude = t.abs().clamp_max(math.exp(gamma.log_largest / self.exponent))
        return torch.copysign(magnitude * gamma.log_phi(self.exponent * magnitude.log()).exp(), t)

    def inverse(self, mass: Tensor) -> Tensor:
        """Return t with F(t) = mass, odd in mass; at ``total`` infinite, or where the table of the exponent ends."""
        magnitude = mass.abs()
        if self.exponent == 1.0:
            return torch.copysign(torch.log1p(-magnitude), mass)
        if self.exponent == 2.0:
            return torch.erfinv(mass / self.total)
        probability = (magnitude / self.total).clamp_max(1.0)
        log_odds = probability.log() - torch.log1p(-probability)
        log_w = incomplete_gamma(1.0 / self.exponent).log_quantile(log_odds)
        return torch.copysign((log_w / self.exponent).exp(), mass)


class TruncatedGeneralisedNormal:
    """Generalised normal noise around a centre, cut to an interval or to several, in float64.

    Parameters
    ----------
    exponent : float
        p.
    scale : float or Tensor
        In the units of the latents; a tensor broadcasts with the centres, one scale per factor.
    intervals : sequence of (low, high)
        Ascending and apart; the first low and the last high may be infinite.

    >>> noise = TruncatedGeneralisedNormal(2.0, scale=1.0, intervals=[(-math.inf, math.inf)])
    >>> noise.log_normaliser(torch.zeros(1, dtype=torch.float64))  # log sqrt(pi)
    tensor([0.5724], dtype=torch.float64)
    """

    def __init__(self, exponent: float, *, scale: float | Tensor, intervals: Sequence[tuple[float, float]]) -> None:
        self.law = GeneralisedNormalLaw(exponent)
        self.scale = torch.as_tensor(scale, dtype=torch.float64)
        self.intervals = tuple(intervals)
        self.low, self.high = self.intervals[0][0], self.intervals[-1][1]

    def contains(self, values: Tensor) -> Tensor:
        """Tell which values lie in one of the intervals."""
        inside = torch.zeros(values.shape, dtype=torch.bool)
        for low, high in self.intervals:
            inside |= (values >= low) & (values <= high)
        return inside

    def _pieces(self, centres: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the ends of each interval as seen from the centres, in units of the scale."""
        ends = [((low - centres) / self.scale, (high - centres) / self.scale) for low, high in self.intervals]
        if len(ends) == 1:  # it holds every centre, but for rounding
            return [(ends[0][0].clamp_max(0.0), ends[0][1].clamp_min(0.0))]
        return ends

    def _masses(self, centres: Tensor) -> Tensor:
        """Return F(h) - F(l) of each interval, stacked along a new first axis."""
        return torch.stack([self.law.integral(high) - self.law.integral(low) for low, high in self._pieces(centres)])

    def dissimilarity(self, centres: Tensor, values: Tensor) -> Tensor:
        """Return ``(|x - c|/scale)^p`` in nats."""
        return ((values - centres) / self.scale).abs() ** self.law.exponent

    def log_normaliser(self, centres: Tensor) -> Tensor:
        """Return log Z(c)."""
        return self.scale.log() + self._masses(centres).sum(0).log()

    def distribution(self, centres: Tensor, values: Tensor) -> Tensor:
        """Return the probability of at most each value, clamped to [0, 1]."""
        reach = (values - centres) / self.scale
        below = torch.zeros((), dtype=torch.float64)
        for low, high in self._pieces(centres):
            below = below + self.law.integral(torch.minimum(torch.maximum(reach, low), high)) - self.law.integral(low)
        return (below / self._masses(centres).sum(0)).clamp(0.0, 1.0)

    def mean_dissimilarity(self, centres: Tensor) -> Tensor:
        """Return ``E[(|x - c|/scale)^p] = (1 - sum over intervals of [t exp(-|t|^p)]_l^h scale/Z)/p`` in nats."""
        edges = torch.zeros_like(centres)
        for low, high in self._pieces(centres):
            for side, sign in ((low, -1.0), (high, 1.0)):
                finite = side.clamp(-LARGEST, LARGEST)
                edges = edges + sign * finite * torch.exp(-(finite.abs() ** self.law.exponent))
        share = edges * torch.exp(self.scale.log() - self.log_normaliser(centres))
        return (1.0 - share) / self.law.exponent

    def draw(self, centres: Tensor, uniforms: Tensor) -> Tensor:
        """Return one draw per centre from uniforms in [0, 1); probabilities are resolved to 1e-16."""
        pieces = self._pieces(centres)
        if len(pieces) == 1:
            return self._within(*pieces[0], centres, uniforms).clamp(self.low, self.high)
        masses = self._masses(centres)
        left = uniforms * masses.sum(0)
        drawn = torch.full_like(left, math.nan)
        for (low, high), mass, (start, end) in zip(pieces, masses, self.intervals, strict=True):
            here = drawn.isnan() & ((left < mass) | torch.tensor(end == self.high))
            value = self._within(low, high, centres, (left / mass).clamp(0.0, 1.0)).clamp(start, end)
            drawn = torch.where(here, value, drawn)
            left = left - mass
        return drawn

    def _within(self, low: Tensor, high: Tensor, centres: Tensor, uniforms: Tensor) -> Tensor:
        bottom, top = self.law.integral(low), self.law.integral(high)
        offsets = self.law.inverse(torch.lerp(bottom, top, uniforms))
        return centres + self.scale * torch.minimum(torch.maximum(offsets, low), high)
