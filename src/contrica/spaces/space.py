"""A set that latents and codes live in: geometry only, no probability.

A space knows its dimension (the number of coordinates a point is written with) and which points belong to it.
"""

from abc import ABC, abstractmethod

from torch import Tensor


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
