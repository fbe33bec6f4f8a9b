"""A ball without its core: connected, but not convex."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.spaces.space import Space


@dataclass(frozen=True)
class HollowBall(Space):
    """The points whose distance from the origin lies between ``inner`` and ``outer``.

    Raises
    ------
    DomainError, DtypeError
        For a dimension below 2, where it is in pieces, or radii that enclose nothing.

    >>> HollowBall(2).contains(torch.tensor([[0.6, 0.0], [0.1, 0.1]]))
    tensor([ True, False])
    """

    dim: int
    inner: float = 0.5
    outer: float = 1.0

    def __post_init__(self) -> None:
        """Refuse radii that enclose nothing."""
        _checks.count(self.dim, "dim", least=2)
        if _checks.positive(self.inner, "inner") >= _checks.positive(self.outer, "outer"):
            raise DomainError(f"a hollow ball needs inner < outer, got {self.inner} and {self.outer}; swap them")

    @property
    def log_volume(self) -> float:
        """Log of the volume, ``pi^(n/2) (outer^n - inner^n)/Gamma(n/2 + 1)``."""
        share = -math.expm1(self.dim * math.log(self.inner / self.outer))
        log_ball = 0.5 * self.dim * math.log(math.pi) - math.lgamma(0.5 * self.dim + 1.0)
        return log_ball + self.dim * math.log(self.outer) + math.log(share)

    @property
    def is_bounded(self) -> bool:
        """True: the outer shell is."""
        return True

    @property
    def is_connected(self) -> bool:
        """True: there is a way around the core."""
        return True

    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell which points lie in the ball but not in its core, both shells included."""
        lengths = torch.linalg.vector_norm(points, dim=-1)
        inside: Tensor = (lengths >= self.inner - tolerance) & (lengths <= self.outer + tolerance)
        return inside
