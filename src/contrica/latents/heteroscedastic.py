"""Noise whose scale depends on where the anchor is.

    p(s~|s) = prod_i exp(-(|s~_i - s_i|/scale_i(s))^p)/Z_i(s),        scale_i(s) = scale_i exp(growth s_i)

The scale belongs to the anchor, so the term of the pair is not the same from both sides, and no symmetric delta gives
this law unless the growth is 0. (Framework, section 1.1.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from contrica import _checks
from contrica.latents import draws
from contrica.latents.conditionals import GeneralConditional, per_factor
from contrica.latents.generalised_normal import TruncatedGeneralisedNormal
from contrica.latents.marginals import intervals, within_exponents
from contrica.spaces import Space


class HeteroscedasticConditional(GeneralConditional):
    """Independent generalised normal noise, wider or narrower where the factor is larger, cut off by a box's walls.

    Parameters
    ----------
    space : Euclidean, Box or BoxGrid
    exponent : float
        p in [0.1, 100]; 1 is Laplace, 2 normal of standard deviation scale/sqrt(2).
    scale : float or sequence of floats
        At ``s_i = 0``, in the units of the space, one for all factors or one each.
    growth : float
        Of the log scale, per unit of the space.

    Raises
    ------
    DomainError
        On a sphere, or for a parameter outside of its range.
    ShapeError
        If the scales are not one per factor.

    Numerics: exact draws and densities, float64; p(s~) has no closed form.

    >>> from contrica.spaces import Box
    >>> conditional = HeteroscedasticConditional(Box(1), 1.0, 0.1, growth=2.0)
    >>> conditional.scale_at(torch.tensor([[0.0], [1.0]]))
    tensor([[0.1000],
            [0.7389]], dtype=torch.float64)
    """

    def __init__(self, space: Space, exponent: float, scale: float | Sequence[float], *, growth: float) -> None:
        self._intervals = intervals(space, type(self).__name__)
        self.space = space
        self.exponent = within_exponents(exponent, "exponent")
        self.scale = per_factor(scale, space)
        self.growth = _checks.finite(growth, "growth")

    @property
    def is_factorised(self) -> bool:
        """True: each factor has its own noise, whose scale is its own."""
        return True

    def scale_at(self, latents: Tensor) -> Tensor:
        """Return the scale of each factor's noise at latents (..., dim), float64, in the units of the space."""
        return torch.tensor(self.scale, dtype=torch.float64) * (self.growth * latents.to("cpu", torch.float64)).exp()

    def _noise(self, latents: Tensor) -> TruncatedGeneralisedNormal:
        scale = self.scale_at(latents)
        return TruncatedGeneralisedNormal(self.exponent, scale=scale, intervals=self._intervals)

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        return self._noise(latents).draw(latents, draws.uniforms(latents.shape, generator))

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        noise = self._noise(latents)
        return -(noise.dissimilarity(latents, positives) + noise.log_normaliser(latents)).sum(-1)
