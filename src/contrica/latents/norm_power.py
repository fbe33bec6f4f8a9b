"""Noise whose density is a power of one norm: factors that are dependent given the anchor, and axes all the same.

    p(s~|s) = exp(-(||s~ - s||_p / scale)^k) / Z(s)

On R^n the radius r = ||t||_p / scale has r^k ~ Gamma(n/k), whatever the direction t/||t||_p, which has that of n
independent generalised normals of exponent p, and Z = scale^n (2 Gamma(1+1/p))^n Gamma(1+n/k) / Gamma(1+n/p). On a box
the draws that leave it are made anew. (Gupta, Song 1997, l_p-norm spherical distributions.)
"""

import math

import torch
from scipy import special
from torch import Tensor

from contrica import _checks
from contrica.dissimilarities import NormPower
from contrica.errors import DomainError, NoDensityError
from contrica.latents import draws
from contrica.latents.conditionals import FlatConditional
from contrica.latents.generalised_normal import GeneralisedNormalLaw
from contrica.latents.incomplete_gamma import incomplete_gamma
from contrica.latents.marginals import interval, within_exponents
from contrica.latents.rejection import accepted
from contrica.spaces import Box, Euclidean, Space

LEAST_ACCEPTANCE = 1e-5
"""A corner of a box must accept one proposal in 1e5: at some ten thousand proposals a round, the wait is short."""


class NormPowerConditional(FlatConditional):
    """Noise with density proportional to ``exp(-(||s~ - s||_p / scale)^k)``.

    Parameters
    ----------
    space : Euclidean or Box
    norm_exponent : float
        p of the norm, in [0.1, 100].
    power : float
        k in [0.1, 100]; for k = p the factors are independent and `GeneralisedNormalConditional` knows more.
    scale : float
        In the units of the space.

    Raises
    ------
    DomainError
        On a sphere, for a parameter outside of its range, or if draws on a box could stall: the share of proposals that
        stay inside is least in a corner, where it is at least ``2^-n P(r <= side/scale)``, and this must reach 1e-5.

    Numerics: exact draws, float64. On a box log Z(s) has no closed form and asking for it raises NoDensityError;
    `SampledRatio` averages over draws.

    >>> conditional = NormPowerConditional(Euclidean(2), norm_exponent=1.0, power=2.0, scale=1.0)
    >>> zero = torch.zeros(1, 2)
    >>> conditional.log_density(zero, zero).exp()   # the area of the l_1 disc is 2
    tensor([0.5000], dtype=torch.float64)
    """

    def __init__(self, space: Space, *, norm_exponent: float, power: float, scale: float) -> None:
        self._low, self._high = interval(space, type(self).__name__)
        self.space = space
        self.norm_exponent = within_exponents(norm_exponent, "norm_exponent")
        self.power = within_exponents(power, "power")
        self.scale = _checks.positive(scale, "scale")
        self._law = GeneralisedNormalLaw(self.norm_exponent)
        if isinstance(space, Box) and self.least_acceptance < LEAST_ACCEPTANCE:
            raise DomainError(
                f"from a corner of the box at least a share of {LEAST_ACCEPTANCE:g} of the proposals must stay inside,"
                f" but for {space!r}, p={norm_exponent}, k={power}, scale={scale} the bound is"
                f" {self.least_acceptance:.1e}; lower the scale or the dimension, or use a Euclidean space"
            )

    @property
    def least_acceptance(self) -> float:
        """Lower bound on the share of proposals that stay in the space: 1 on R^n, ``2^-n P(r <= side/scale)`` on a box.

        Each |t_i| has a falling density given the others, so the corner is the worst place, and there all n signs must
        point inside and no |t_i| <= ||t||_p may exceed the side.
        """
        if not isinstance(self.space, Box):
            return 1.0
        try:
            reach = (self.space.side / self.scale) ** self.power
        except OverflowError:
            reach = math.inf
        return float(0.5**self.space.dim * special.gammainc(self.space.dim / self.power, reach))

    @property
    def dissimilarity(self) -> NormPower:
        """``scale^-k ||s - s~||_p^k``."""
        return NormPower(norm_exponent=self.norm_exponent, power=self.power, weight=self.scale**-self.power)

    @property
    def unrestricted(self) -> "NormPowerConditional":
        """The same noise on R^n, of which a box keeps what stays inside."""
        space = Euclidean(self.space.dim)
        return NormPowerConditional(space, norm_exponent=self.norm_exponent, power=self.power, scale=self.scale)

    @property
    def is_factorised(self) -> bool:
        """Whether k = p, or there is one factor only."""
        return self.power == self.norm_exponent or self.space.dim == 1

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        if isinstance(self.space, Euclidean):
            return latents + self._steps((len(latents),), generator)
        anchors = latents.clamp(self._low, self._high)

        def propose(rows: Tensor) -> tuple[Tensor, Tensor]:
            proposals = anchors[rows] + self._steps((len(rows),), generator)
            return proposals, ((proposals >= self._low) & (proposals <= self._high)).all(-1)

        return accepted(propose, num_anchors=len(anchors), dim=self.space.dim, advice="lower the scale")

    def _steps(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        dim = self.space.dim
        uniforms = draws.uniforms((*shape, dim), generator)
        directions = self._law.inverse(self._law.total * (2.0 * uniforms - 1.0))
        largest = directions.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
        directions = directions / largest
        directions = directions / (directions.abs() ** self.norm_exponent).sum(-1, keepdim=True) ** (
            1.0 / self.norm_exponent
        )
        heights = draws.uniforms((*shape, 1), generator)
        log_w = incomplete_gamma(dim / self.power).log_quantile(heights.log() - torch.log1p(-heights))
        return self.scale * (log_w / self.power).exp() * directions

    def _distance(self, latents: Tensor, positives: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for left, right in zip(latents.unbind(-1), positives.unbind(-1), strict=True):
            total = total + ((left - right) / self.scale).abs() ** self.norm_exponent
        return total ** (self.power / self.norm_exponent)

    def _log_normaliser(self, latents: Tensor) -> Tensor:
        if isinstance(self.space, Box):
            raise NoDensityError(
                "a norm-power law that a box cuts off has no closed-form normaliser; use a Euclidean space, or"
                " GeneralisedNormalConditional, whose factors are independent"
            )
        dim = self.space.dim
        log_z = dim * math.log(2.0 * self.scale * self._law.total)
        log_z += math.lgamma(1.0 + dim / self.power) - math.lgamma(1.0 + dim / self.norm_exponent)
        return torch.full(latents.shape[:-1], log_z, dtype=torch.float64)
