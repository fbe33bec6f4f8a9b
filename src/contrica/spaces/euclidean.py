"""All of R^n."""

from dataclasses import dataclass

import torch
from torch import Tensor

from contrica import _checks
from contrica.spaces.space import Space


@dataclass(frozen=True)
class Euclidean(Space):
    """All of R^dim.

    >>> Euclidean(3).contains(torch.zeros(2, 3))
    tensor([True, True])
    """

    dim: int

    def __post_init__(self) -> None:
        """Refuse a dimension that is not a positive whole number."""
        _checks.count(self.dim, "dim")

    @property
    def is_bounded(self) -> bool:
        """False: there is no end."""
        return False

    @property
    def is_connected(self) -> bool:
        """True: it is convex."""
        return True

    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell which points are finite."""
        return torch.isfinite(points).all(-1)
