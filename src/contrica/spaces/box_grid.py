"""Cubes on a grid with gaps between them: a support in pieces.

each coordinate lies in one of m intervals of [low, high], all of one length, a gap apart
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.spaces.space import Space


@dataclass(frozen=True)
class BoxGrid(Space):
    """The m^dim cubes that m intervals along each axis make.

    Parameters
    ----------
    dim : int
    cells : int
        m, at least 2.
    gap : float
        Between two intervals, in the units of the space.
    low, high : float
        Ends of the first and of the last interval.

    Raises
    ------
    DomainError, DtypeError
        If the gaps leave no room for the intervals.

    >>> BoxGrid(2, cells=2, gap=0.2).contains(torch.tensor([[0.4, 0.6], [0.4, 0.5]]))
    tensor([ True, False])
    """

    dim: int
    cells: int = 2
    gap: float = 0.2
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse intervals without length."""
        _checks.count(self.dim, "dim")
        _checks.count(self.cells, "cells", least=2)
        _checks.positive(self.gap, "gap")
        if _checks.finite(self.low, "low") >= _checks.finite(self.high, "high"):
            raise DomainError(f"a grid needs low < high, got [{self.low}, {self.high}]; swap or widen the sides")
        if self.cell_side <= 0.0:
            raise DomainError(
                f"{self.cells - 1} gaps must leave room in [{self.low}, {self.high}], got gap={self.gap}; narrow it"
            )

    @property
    def cell_side(self) -> float:
        """Length of one interval."""
        return (self.high - self.low - (self.cells - 1) * self.gap) / self.cells

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """Ends of the intervals along any axis, ascending."""
        starts = [self.low + cell * (self.cell_side + self.gap) for cell in range(self.cells)]
        return tuple((start, start + self.cell_side) for start in starts)

    @property
    def is_bounded(self) -> bool:
        """True: the outer walls are."""
        return True

    @property
    def is_connected(self) -> bool:
        """False: nothing lies in the gaps."""
        return False

    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell which points lie in one of the cubes, its faces included."""
        inside = torch.zeros(points.shape, dtype=torch.bool, device=points.device)
        for low, high in self.intervals:
            inside |= (points >= low - tolerance) & (points <= high + tolerance)
        return inside.all(-1)
