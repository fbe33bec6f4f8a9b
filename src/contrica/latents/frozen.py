"""Factors that no pair ever changes, such as content beside style.

    s~_i = s_i  for the frozen i,        the others ~ p(s~|s) given that

Such pairs say nothing of the frozen factors but that they are equal: the density ratio is infinite where they are and
zero elsewhere, so no loss has a finite optimum. (Framework, section 5.5; Zaliaduonis et al. 2026, table 7.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError, DtypeError, NoDensityError
from contrica.latents.conditionals import GeneralConditional, PowerConditional
from contrica.latents.von_mises_fisher import VonMisesFisherConditional, around


class FrozenConditional(GeneralConditional):
    """Another conditional, given that some factors stay as they are.

    Parameters
    ----------
    conditional : PowerConditional or VonMisesFisherConditional
        The law of the factors that move. On the sphere they move on the circle or sphere that the frozen ones leave.
    factors : sequence of int
        Which factors are frozen: at least one, and not all; on the sphere two at least must move.

    Raises
    ------
    DomainError, DtypeError
        For another conditional, or factors that are none of its own.

    Numerics: exact draws; on the sphere the direction of the moving coordinates of length r is von Mises-Fisher of
    concentration r^2 times that of the conditional. There is no density, and asking for one raises NoDensityError.

    >>> from contrica.latents.conditionals import LaplaceConditional
    >>> from contrica.spaces import Box
    >>> conditional = FrozenConditional(LaplaceConditional(Box(3), 0.1), [1])
    >>> (conditional.sample(torch.full((1, 3), 0.5), generator=torch.Generator().manual_seed(0)) == 0.5).tolist()
    [[False, True, False]]
    """

    def __init__(self, conditional: PowerConditional | VonMisesFisherConditional, factors: Sequence[int]) -> None:
        if not isinstance(conditional, (PowerConditional, VonMisesFisherConditional)):
            raise DtypeError(
                "factors are frozen in conditionals with independent noise and in von Mises-Fisher ones, got"
                f" {type(conditional).__name__}; use one of them"
            )
        self.space = conditional.space
        self.conditional = conditional
        self.factors = tuple(sorted({_checks.count(factor, "factors", least=0) for factor in factors}))
        least_moving = 2 if isinstance(conditional, VonMisesFisherConditional) else 1
        if not self.factors or self.factors[-1] >= self.space.dim:
            raise DomainError(f"factors must be some of 0 to {self.space.dim - 1}, got {list(factors)}; name others")
        if self.space.dim - len(self.factors) < least_moving:
            raise DomainError(
                f"at least {least_moving} factor(s) must move, got {len(self.factors)} of {self.space.dim} frozen;"
                " freeze fewer"
            )

    @property
    def is_factorised(self) -> bool:
        """Whether the factors that move are independent given the anchor."""
        return self.conditional.is_factorised

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        moving = [factor for factor in range(self.space.dim) if factor not in self.factors]
        positives = latents.clone()
        if isinstance(self.conditional, VonMisesFisherConditional):
            lengths = torch.linalg.vector_norm(latents[:, moving], dim=1)
            directions = nn.functional.normalize(latents[:, moving], dim=1)
            drawn = around(directions, self.conditional.concentration * lengths.square(), generator)
            positives[:, moving] = lengths[:, None] * drawn
        else:
            positives[:, moving] = self.conditional._draw(latents, generator)[:, moving]
        return positives

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        raise NoDensityError(
            f"pairs that share factors {list(self.factors)} exactly lie on a set of volume 0 and have no density;"
            " let every factor move a little"
        )
