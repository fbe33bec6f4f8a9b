"""One factor of a factorised latent model: what its positives look like, and what they say about the anchor.

    p(s~) = int q(s) p(s~|s) ds,      I = -E_q[log Z(s) + E[delta|s]] - E_{s~}[log p(s~)],
    1 + chi2 = int ds~ / p(s~) int q(s) p(s~|s)^2 ds

Each integral is done by adaptive quadrature to about 1e-12; p(s~) is then tabulated by Chebyshev panels, with an
error of log p(s~) below 1e-9. (The mean of delta given s has a closed form: only chi2 is a two-dimensional integral.)
"""

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from contrica.errors import NoDensityError
from contrica.latents.generalised_normal import TruncatedGeneralisedNormal
from contrica.latents.interpolation import PiecewiseChebyshev
from contrica.latents.marginals import Marginal, PowerMarginal
from contrica.latents.quadrature import Landmark, Mesh, ladder, refine

CHUNK = 256
"""Integrals done at once, which bounds the memory of the panels to some ten megabytes."""

TABLE_NATS = 60.0
"""On the whole line p(s~) is tabulated where either law has fallen by less than e^-60, and integrated beyond."""

FARTHEST_RUNG = 1e6
"""On the whole line 1 + chi2 is integrated out to this many widths, where the integrand must have vanished."""

VANISHED = 1e-9
"""Share of an integral that the outermost point may contribute, were the integrand constant up to there."""


class FactorModel:
    """The joint law of one factor of an anchor and of its positive.

    >>> from contrica.latents.marginals import UniformMarginal
    >>> from contrica.spaces import Box
    >>> noise = TruncatedGeneralisedNormal(1.0, scale=0.1, intervals=[(0.0, 1.0)])
    >>> round(FactorModel(UniformMarginal(Box(1)), noise).mutual_information(), 2)
    0.84
    """

    def __init__(self, marginal: Marginal, noise: TruncatedGeneralisedNormal) -> None:
        self.marginal = marginal
        self.noise = noise
        self._width = float(noise.scale)
        ends = [end for pair in noise.intervals for end in pair]
        self._walls = [(wall, self._width) for wall in ends if math.isfinite(wall)]
        self._bounded = len(self._walls) == len(ends)

    def positive_log_density(self, values: Tensor) -> Tensor:
        """Return log p(s~) in nats for float64 values of any shape within the interval."""
        table = self._table
        flat = values.reshape(-1)
        beyond = (flat < table.low) | (flat > table.high)
        result = table(flat.clamp(table.low, table.high))
        if not self._bounded and beyond.any():
            result[beyond] = self._marginalised(flat[beyond], power=1)
        return result.reshape(values.shape)

    def mutual_information(self) -> float:
        """Return the mutual information of the two views of this factor, in nats."""
        anchors = self._mesh(self._anchor_log_density, *self._anchor_range())
        positives = self._mesh(self._positive_log_density_inside, self._table.low, self._table.high)
        known = self.noise.log_normaliser(anchors.nodes) + self.noise.mean_dissimilarity(anchors.nodes)
        entropy_given_anchor = float((anchors.log_terms.exp() * known).sum())
        log_density = self.positive_log_density(positives.nodes)
        surprise = torch.where(torch.isfinite(log_density), -log_density, 0.0)
        return float((positives.log_terms.exp() * surprise).sum()) - entropy_given_anchor

    def _positive_log_density_inside(self, values: Tensor) -> Tensor:
        return self._inside(values, self.positive_log_density(values))

    def _anchor_log_density(self, values: Tensor) -> Tensor:
        # The marginal allows for rounding at a wall; a step there, off the edges of the panels, is never resolved.
        return self._inside(values, self.marginal.factor_log_density(values))

    def _inside(self, values: Tensor, log_terms: Tensor) -> Tensor:
        """Return the terms, minus infinity in the gaps between intervals."""
        if len(self.noise.intervals) == 1:
            return log_terms
        return torch.where(self.noise.contains(values), log_terms, -torch.inf)

    def log_mean_ratio(self) -> float:
        """Return ``log(1 + chi2)``, infinite if the tails say so.

        On the whole line, with marginal exponent m and scale a, noise exponent p and scale c, it is infinite if and
        only if the marginal's tail is the heavier one and no lighter than exponential: m < p and m <= 1, or
        m = p <= 1 and a >= c. Then p(s~|s)^2 averaged over s falls no faster than p(s~).
        """
        low, high = self.noise.low, self.noise.high
        if not self._bounded:
            assert isinstance(self.marginal, PowerMarginal)
            if self._tails_diverge(self.marginal):
                return math.inf
            reach = FARTHEST_RUNG * (self._width + self.marginal.power_scale)
            low, high = self.marginal.centre - reach, self.marginal.centre + reach
        total = float(self._mesh(self._log_mean_ratio_at, low, high).log_integrals())
        if not self._bounded:
            ends = self._log_mean_ratio_at(torch.tensor([low, high], dtype=torch.float64))
            if bool((ends.nan_to_num(nan=-math.inf) + math.log(high - low) - total > math.log(VANISHED)).any()):
                raise NoDensityError("the tails fall too slowly for chi2 to be integrated; use a box or lighter tails")
        return total

    def _tails_diverge(self, marginal: PowerMarginal) -> bool:
        exponent = self.noise.law.exponent
        if marginal.exponent == exponent:
            return exponent <= 1.0 and marginal.power_scale >= self._width
        return marginal.exponent < exponent and marginal.exponent <= 1.0

    def _log_mean_ratio_at(self, positives: Tensor) -> Tensor:
        """Return ``log E[p(s~|s) | s~]``, the integrand of 1 + chi2."""
        flat = positives.reshape(-1)
        ratio = self._marginalised(flat, power=2) - self._marginalised(flat, power=1)
        return self._inside(positives, ratio.reshape(positives.shape))

    def _marginalised(self, positives: Tensor, *, power: int) -> Tensor:
        """Return ``log int q(s) p(s~|s)^power ds`` for positives of shape (points,)."""
        return torch.cat([self._marginalised_chunk(chunk, power) for chunk in positives.split(CHUNK)])

    def _marginalised_chunk(self, positives: Tensor, power: int) -> Tensor:
        def log_integrand(anchors: Tensor, owners: Tensor) -> Tensor:
            log_noise = -self.noise.dissimilarity(anchors, positives[owners]) - self.noise.log_normaliser(anchors)
            return self._anchor_log_density(anchors) + power * log_noise

        landmarks: list[Landmark] = [(positives, self._width), *self.marginal.landmarks, *self._walls]
        low, high = self._anchor_range()
        if not self._bounded:
            # Both densities fall beyond the mode and the positive, the nearer one by e^-60 at these ends.
            reach = self._width * TABLE_NATS ** (1.0 / self.noise.law.exponent)
            edges = ladder(landmarks, low=(positives - reach).clamp_max(low), high=(positives + reach).clamp_min(high))
        else:
            edges = ladder(landmarks, low=low, high=high)
        return refine(log_integrand, edges).log_integrals()

    def _anchor_range(self) -> tuple[float, float]:
        if self._bounded:
            return self.noise.low, self.noise.high
        assert isinstance(self.marginal, PowerMarginal)
        reach = self.marginal.power_scale * TABLE_NATS ** (1.0 / self.marginal.exponent)
        return self.marginal.centre - reach, self.marginal.centre + reach

    def _outer_edges(self, low: float, high: float) -> Tensor:
        return ladder([*self.marginal.landmarks, *self._walls], low=low, high=high)[0]

    def _mesh(self, log_density: Callable[[Tensor], Tensor], low: float, high: float) -> Mesh:
        return refine(lambda nodes, owners: log_density(nodes), self._outer_edges(low, high)[None])

    @cached_property
    def _table(self) -> PiecewiseChebyshev:
        low, high = self._anchor_range()
        if not self._bounded:
            margin = self._width * TABLE_NATS ** (1.0 / self.noise.law.exponent)
            low, high = low - margin, high + margin
        return PiecewiseChebyshev(lambda values: self._marginalised(values, power=1), self._outer_edges(low, high))
