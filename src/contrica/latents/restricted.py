"""Noise of the whole R^n kept inside of a support by drawing again what leaves it.

    p(s~|s) = Q(s~) exp(-delta(s, s~)) / Z(s)  on the support,      Z(s) = int of the same over the support

The support changes Z alone, which the offsets take up. (Framework, section 1.1.)
"""

import torch
from torch import Tensor

from contrica.dissimilarities import Dissimilarity
from contrica.errors import DomainError, NoDensityError
from contrica.latents.conditionals import Conditional
from contrica.latents.rejection import accepted
from contrica.spaces import Box, BoxGrid, Euclidean, HollowBall


class RestrictedConditional(Conditional):
    """A conditional of R^n, given that the positive lies in a support.

    Parameters
    ----------
    conditional : Conditional
        On ``Euclidean(dim)``.
    space : Box, BoxGrid or HollowBall
        Of the same dimension.

    Raises
    ------
    DomainError
        If the two do not fit; in a draw, if a support is so thin beside the noise that no proposal stays inside.

    Numerics: exact draws, by rejection, factor by factor where noise and support allow it. Z(s) has no closed form, and
    asking for a density raises NoDensityError; `PowerConditional` on a box or a grid of boxes has one.

    >>> from contrica.latents.conditionals import LaplaceConditional
    >>> conditional = RestrictedConditional(LaplaceConditional(Euclidean(2), 0.2), HollowBall(2))
    >>> rim = torch.tensor([[0.0, 1.0]])
    >>> conditional.space.contains(conditional.sample(rim, generator=torch.Generator().manual_seed(0)))
    tensor([True])
    """

    def __init__(self, conditional: Conditional, space: Box | BoxGrid | HollowBall) -> None:
        if not isinstance(conditional, Conditional) or not isinstance(conditional.space, Euclidean):
            raise DomainError(f"the noise must live on a Euclidean space, got {conditional!r}; build it on Euclidean")
        if not isinstance(space, (Box, BoxGrid, HollowBall)):
            raise DomainError(f"noise is kept in a Box, BoxGrid or HollowBall, got {space!r}; pass one of them")
        if space.dim != conditional.space.dim:
            raise DomainError(
                f"noise and support must have one dimension, got {conditional.space.dim} and {space.dim}; match them"
            )
        self.space = space
        self.conditional = conditional

    @property
    def dissimilarity(self) -> Dissimilarity | None:
        """The delta of the noise."""
        return self.conditional.dissimilarity

    @property
    def is_factorised(self) -> bool:
        """Whether both the noise and the support are products over the factors."""
        return self.conditional.is_factorised and isinstance(self.space, (Box, BoxGrid))

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        advice = "use a wider support or a smaller scale"
        if not self.is_factorised:

            def propose(rows: Tensor) -> tuple[Tensor, Tensor]:
                proposals = self.conditional._draw(latents[rows], generator)
                return proposals, self.space.contains(proposals, tolerance=0.0)

            return accepted(propose, num_anchors=len(latents), dim=self.space.dim, advice=advice)

        dim = self.space.dim

        def propose_factors(entries: Tensor) -> tuple[Tensor, Tensor]:
            # One whole proposal serves one entry of the table of anchors by factors.
            rows, factors = entries // dim, entries % dim
            proposals = self.conditional._draw(latents[rows], generator).gather(1, factors[:, None])
            return proposals, self.space.contains(proposals, tolerance=0.0)

        drawn = accepted(propose_factors, num_anchors=latents.numel(), dim=1, advice=advice)
        return drawn.reshape(latents.shape)

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        raise NoDensityError(
            f"noise kept in {self.space!r} by rejection has no closed-form normaliser; use a conditional that is"
            " built on that space, where there is one"
        )

    def _log_base_measure(self, positives: Tensor) -> Tensor:
        return self.conditional._log_base_measure(positives)
