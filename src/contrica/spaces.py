"""The sets that latents and codes live in: geometry only, no probability.

A space knows its dimension (the number of coordinates a point is written with) and which points belong to it.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError


class Space(ABC):
    """A subset of R^dim."""

    dim: int

    @property
    @abstractmethod
    def is_bounded(self) -> bool:
        """Whether all points lie within some distance."""

    @property
    @abstractmethod
    def is_connected(self) -> bool:
        """Whether any two points are joined by a path inside."""

    @abstractmethod
    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell, for points of shape (..., dim), which lie in the set; a boolean tensor of shape (...)."""


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


@dataclass(frozen=True)
class Box(Space):
    """The cube [low, high]^dim.

    >>> Box(2).contains(torch.tensor([[0.5, 1.0], [0.5, 1.1]]))
    tensor([ True, False])
    """

    dim: int
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse sides that do not enclose anything."""
        _checks.count(self.dim, "dim")
        if _checks.finite(self.low, "low") >= _checks.finite(self.high, "high"):
            raise DomainError(f"a box needs low < high, got [{self.low}, {self.high}]; swap or widen the sides")

    @property
    def side(self) -> float:
        """Length of one side."""
        return self.high - self.low

    @property
    def is_bounded(self) -> bool:
        """True: the walls are."""
        return True

    @property
    def is_connected(self) -> bool:
        """True: it is convex."""
        return True

    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell which points lie in the cube, its faces included."""
        return ((points >= self.low - tolerance) & (points <= self.high + tolerance)).all(-1)


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
