"""The law of a pair of latents, and everything about it that has an exact value.

    (s, s~) ~ p(s) p(s~|s),      log r(s, s~) = log p(s~|s) - log p(s~),      p(s~) = int p(s) p(s~|s) ds

r is what every one of the four losses estimates, `mutual_information` is E_+[log r], and ``1 + chi_square`` is E_+[r].
(Matthes, Han, Shen 2023.)
"""

import math
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, NoDensityError
from contrica.latents.conditionals import Conditional, PowerConditional
from contrica.latents.exact_pairs import ExactPairs
from contrica.latents.factorised_pairs import FactorisedPairs
from contrica.latents.isotropic_pairs import Isotropic, IsotropicPairs
from contrica.latents.marginals import Marginal, UniformMarginal
from contrica.latents.normal_pairs import jointly_normal
from contrica.latents.products import BlockPairs, ProductConditional, ProductMarginal
from contrica.spaces import Space


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
    per distinct factor, tabulated at first use, or a closed form.

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
        """Whether p(s, s~) = p(s~, s) is known to hold, as for uniform isotropic and for stationary normal pairs."""
        return self._known is not None and self._known.is_exchangeable

    @property
    def is_exact(self) -> bool:
        """Whether log r, and with it the mutual information, has an exact value; else see `SampledRatio`."""
        return self._known is not None

    @property
    def has_constant_nuisances(self) -> bool:
        """Whether Z(s) and p(s~)/Q(s~) are known to be constant, so that -delta is the log ratio up to one number."""
        return self._known is not None and self._known.has_constant_nuisances

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
        return self._exact.positive_log_density(values)

    def mutual_information(self) -> float:
        """Return E_+[log r] in nats: a closed form, or one-dimensional quadrature per factor.

        Raises
        ------
        NoDensityError
            If a density has no exact value.
        """
        return self._exact.mutual_information()

    def chi_square(self) -> float:
        """Return E_+[r] - 1, the chi-square divergence of the joint law from the product of its marginals.

        It is infinite on an unbounded space if the marginal's tails are exponential or heavier, and no lighter than the
        noise's; it grows exponentially with the number of factors.

        Raises
        ------
        NoDensityError
            If a density has no exact value.
        """
        try:
            return math.expm1(self._exact.log_mean_ratio())
        except OverflowError:
            return math.inf

    @property
    def _exact(self) -> ExactPairs:
        if self._known is None:
            raise NoDensityError(
                "p(s~) has an exact value for independent factors, for jointly normal ones, for a uniform marginal and"
                " isotropic noise on the sphere, and for products of these, but for"
                f" {type(self.marginal).__name__} and {type(self.conditional).__name__} it is an integral over all"
                f" {self.dim} dimensions; use one of those"
            )
        return self._known

    @cached_property
    def _known(self) -> ExactPairs | None:
        marginal, conditional = self.marginal, self.conditional
        if isinstance(conditional, Isotropic) and isinstance(marginal, UniformMarginal):
            return IsotropicPairs(conditional)
        if isinstance(conditional, PowerConditional) and marginal.is_factorised:
            return FactorisedPairs(marginal, conditional)
        if isinstance(conditional, ProductConditional) and isinstance(marginal, ProductMarginal):
            models = map(LatentModel, marginal.blocks, conditional.blocks)
            blocks = [model._known for model in models]
            known = [block for block in blocks if block is not None]
            return BlockPairs(known, marginal.space) if len(known) == len(blocks) else None
        return jointly_normal(marginal, conditional)
