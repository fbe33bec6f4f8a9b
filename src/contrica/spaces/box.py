"""A cube with sides along the axes."""

from dataclasses import dataclass

from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.spaces.space import Space


@dataclass(frozen=True)
class Box(Space):
    """The cube [low, high]^dim.

    >>> import torch
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
