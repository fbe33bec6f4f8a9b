"""The unit sphere."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from contrica import _checks
from contrica.spaces.space import Space


@dataclass(frozen=True)
class Sphere(Space):
    """The unit sphere of R^dim, of intrinsic dimension dim - 1.

    >>> Sphere(3).contains(torch.tensor([[0.0, 0.6, 0.8], [1.0, 1.0, 0.0]]))
    tensor([ True, False])
    """

    dim: int

    def __post_init__(self) -> None:
        """Refuse the zero-dimensional sphere, which is two points."""
        _checks.count(self.dim, "dim", least=2)

    @property
    def log_area(self) -> float:
        """Log of the surface area, ``log 2 + dim/2 log pi - log Gamma(dim/2)``."""
        return math.log(2.0) + 0.5 * self.dim * math.log(math.pi) - math.lgamma(0.5 * self.dim)

    @property
    def is_bounded(self) -> bool:
        """True: it has radius 1."""
        return True

    @property
    def is_connected(self) -> bool:
        """True: an arc joins any two points."""
        return True

    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell which points have unit length."""
        lengths: Tensor = torch.linalg.vector_norm(points, dim=-1)
        return (lengths - 1.0).abs() <= tolerance
