"""The law of a pair of latents, and everything about it that has an exact value.

    (s, s~) ~ p(s) p(s~|s),      log r(s, s~) = log p(s~|s) - log p(s~),      p(s~) = int p(s) p(s~|s) ds

r is what every one of the four losses estimates, `mutual_information` is E_+[log r], and ``1 + chi_square`` is E_+[r].
(Matthes, Han, Shen 2023.)
"""

import math
from collections import Counter
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, NoDensityError
from contrica.latents.conditionals import Conditional, PowerConditional
from contrica.latents.factor import FactorModel
from contrica.latents.marginals import Marginal, UniformMarginal
from contrica.latents.projected import ProjectedNormalConditional
from contrica.latents.von_mises_fisher import VonMisesFisherConditional
from contrica.spaces import Space

Isotropic = VonMisesFisherConditional | ProjectedNormalConditional
"""Conditionals of the sphere whose density depends on <s, s~> alone."""


class LatentModel:
    """A marginal for the anchors and a conditional for their positives, on one space.

    Parameters
    ----------
    marginal : Marginal
        p(s).
    conditional : Conditional
        p(s~|s).

    Raises
    ------
    DomainError
        If the two live on different spaces.

    Numerics: densities are float64 on the CPU. log p(s~) is exact to 1e-9 nats: one-dimensional adaptive quadrature
    per distinct factor, tabulated at first use, or the closed form on the sphere.

    >>> from contrica.latents import LaplaceConditional
    >>> from contrica.spaces import Box
    >>> model = LatentModel(UniformMarginal(Box(10)), LaplaceConditional(Box(10), 0.05))
    >>> latents, positives = model.sample(4, generator=torch.Generator().manual_seed(0))
    >>> model.log_density_ratio(latents[:, None], positives[None]).shape
    torch.Size([4, 4])
    >>> round(model.mutual_information(), 1)
    14.2
    """

    def __init__(self, marginal: Marginal, conditional: Conditional) -> None:
        if marginal.space != conditional.space:
            raise DomainError(
                f"marginal and conditional must share one space, got {marginal.space!r} and {conditional.space!r};"
                " build both on the same"
            )
        self.marginal = marginal
        self.conditional = conditional

    @property
    def space(self) -> Space:
        """Where the latents live."""
        return self.marginal.space

    @property
    def dim(self) -> int:
        """Number of coordinates of a latent."""
        return self.space.dim

    @property
    def is_exchangeable(self) -> bool:
        """Whether p(s, s~) = p(s~, s): for a uniform marginal and an isotropic conditional on the sphere."""
        return self._uniform_on_sphere is not None

    @property
    def has_constant_nuisances(self) -> bool:
        """Whether Z(s) and p(s~) are both constant, so that -delta is the log density ratio up to one number."""
        return self._uniform_on_sphere is not None

    def sample(
        self, num_pairs: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> tuple[Float[Tensor, "batch latent_dim"], Float[Tensor, "batch latent_dim"]]:
        """Return independent pairs (latents, positives), each of shape (num_pairs, dim), in the units of the space."""
        latents = self.marginal.sample(num_pairs, generator=generator, dtype=dtype)
        return latents, self.conditional.sample(latents, generator=generator)

    def log_density_ratio(self, latents: Tensor, positives: Tensor) -> Tensor:
        """Return log p(s~|s) - log p(s~) in nats, float64, broadcast over the leading axes.

        Parameters
        ----------
        latents, positives : Tensors of shape (..., latent_dim)
            ``latents[:, None], positives[None]`` gives all pairs.

        Raises
        ------
        DomainError
            If a latent or a positive lies outside of the space.
        NoDensityError
            If either density has no exact value.
        """
        positive_log_density = self.positive_log_density(positives)
        return self.conditional.log_density(latents, positives) - positive_log_density

    def positive_log_density(self, positives: Float[Tensor, "*batch latent_dim"]) -> Float[Tensor, "*batch"]:
        """Return log p(s~) in nats, float64, for positives of shape (..., dim) in the space.

        Raises
        ------
        DomainError
            If a positive lies outside of the space.
        NoDensityError
            If p(s~) is neither a product of one-dimensional integrals nor a closed form.
        """
        values = _checks.points(positives, "positives", dim=self.dim).to("cpu", torch.float64)
        if not self.space.contains(values).all():
            raise DomainError(f"positives must lie in {self.space!r}, got some outside; draw them from its conditional")
        if self._uniform_on_sphere is not None:
            return self.marginal.log_density(values)
        factors = [self._factors[scale] for scale in self._power_conditional.power_scales]
        total = torch.zeros(values.shape[:-1], dtype=torch.float64)
        for factor, column in zip(factors, values.detach().unbind(-1), strict=True):
            total += factor.positive_log_density(column)
        return total

    def mutual_information(self) -> float:
        """Return E_+[log r] in nats: one-dimensional quadrature per factor, or the closed form on the sphere.

        Raises
        ------
        NoDensityError
            If a density has no exact value.
        """
        noise = self._uniform_on_sphere
        if noise is not None:
            return noise.space.log_area + noise.mean_log_density()
        return sum(count * self._factors[scale].mutual_information() for scale, count in self._multiplicities.items())

    def chi_square(self) -> float:
        """Return E_+[r] - 1, the chi-square divergence of the joint law from the product of its marginals.

        It is infinite on an unbounded space if the marginal's tails are exponential or heavier, and no lighter than the
        noise's; it grows exponentially with the number of factors.

        Raises
        ------
        NoDensityError
            If a density has no exact value.
        """
        noise = self._uniform_on_sphere
        if noise is not None:
            log_mean = noise.space.log_area + noise.log_mean_density()
        else:
            log_mean = sum(
                count * self._factors[scale].log_mean_ratio() for scale, count in self._multiplicities.items()
            )
        try:
            return math.expm1(log_mean)
        except OverflowError:
            return math.inf

    @property
    def _uniform_on_sphere(self) -> Isotropic | None:
        if isinstance(self.conditional, Isotropic) and isinstance(self.marginal, UniformMarginal):
            return self.conditional
        return None

    @property
    def _power_conditional(self) -> PowerConditional:
        if isinstance(self.conditional, PowerConditional) and self.marginal.is_factorised:
            return self.conditional
        raise NoDensityError(
            f"p(s~) has an exact value for independent factors and for a uniform marginal on the sphere, but for"
            f" {type(self.marginal).__name__} and {type(self.conditional).__name__} it is an integral over all"
            f" {self.dim} dimensions; use independent factors"
        )

    @property
    def _multiplicities(self) -> Counter[float]:
        return Counter(self._power_conditional.power_scales)

    @cached_property
    def _factors(self) -> dict[float, FactorModel]:
        """One model per distinct noise scale: the marginals of all factors are alike."""
        scales = self._power_conditional.power_scales
        return {
            scale: FactorModel(self.marginal, self._power_conditional.factor(scales.index(scale)))
            for scale in set(scales)
        }
