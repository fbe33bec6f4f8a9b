"""A fold of some latents before they are mixed: two places on either side of a crease look alike.

    s_i -> |s_i - crease|  for the folded i,      s_i otherwise

What is seen through it is continuous, and determines a folded latent up to its side only.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError


class Fold(nn.Module):
    """Folds latents of shape (batch, dim) at a crease; put it before a mixing to make that one two-to-one.

    Parameters
    ----------
    dim : int
        Number of latents.
    factors : sequence of int
        Which of them are folded.
    crease : float
        Where, in the units of the latents.

    Raises
    ------
    DomainError, DtypeError
        If a factor is none of 0 to dim - 1, or the crease is not finite.

    >>> Fold(2, [0], crease=0.5)(torch.tensor([[0.25, 0.25], [0.75, 0.75]]))
    tensor([[0.2500, 0.2500],
            [0.2500, 0.7500]])
    """

    folded: Tensor

    def __init__(self, dim: int, factors: Sequence[int], *, crease: float = 0.5) -> None:
        super().__init__()
        self.dim = _checks.count(dim, "dim")
        self.factors = tuple(sorted({_checks.count(factor, "factors", least=0) for factor in factors}))
        if self.factors and self.factors[-1] >= self.dim:
            raise DomainError(f"factors must be some of 0 to {self.dim - 1}, got {list(factors)}; name others")
        self.crease = _checks.finite(crease, "crease")
        self.register_buffer("folded", torch.tensor([factor in self.factors for factor in range(self.dim)]))

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        return (self.dim,)

    def forward(self, latents: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Return the latents, folded."""
        values = _checks.matrix(latents, "latents", columns=self.dim)
        return torch.where(self.folded, (values - self.crease).abs(), values)
