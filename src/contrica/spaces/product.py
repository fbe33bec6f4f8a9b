"""A product of spaces: a point is the points of its blocks, side by side."""

from dataclasses import dataclass

import torch
from torch import Tensor

from contrica.errors import DtypeError, ShapeError
from contrica.spaces.space import Space


@dataclass(frozen=True, init=False)
class ProductSpace(Space):
    """The product of two or more spaces, none of which is a product itself.

    Parameters
    ----------
    *blocks : Space
        In the order of their coordinates.

    Raises
    ------
    DtypeError, ShapeError
        If a block is no space or a product, or there are fewer than two.

    >>> from contrica.spaces.box import Box
    >>> from contrica.spaces.sphere import Sphere
    >>> space = ProductSpace(Sphere(2), Box(1))
    >>> space.dim, space.contains(torch.tensor([[0.6, 0.8, 0.5], [0.6, 0.8, 1.5]])).tolist()
    (3, [True, False])
    """

    blocks: tuple[Space, ...]

    def __init__(self, *blocks: Space) -> None:
        for block in blocks:
            if not isinstance(block, Space) or isinstance(block, ProductSpace):
                raise DtypeError(f"blocks must be spaces and no products, got {block!r}; pass Sphere(3), Box(2), ...")
        if len(blocks) < 2:
            raise ShapeError(f"a product needs two blocks or more, got {len(blocks)}; pass the block itself")
        object.__setattr__(self, "blocks", tuple(blocks))

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates of all blocks."""
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of coordinates of each block."""
        return tuple(block.dim for block in self.blocks)

    @property
    def is_bounded(self) -> bool:
        """Whether all blocks are."""
        return all(block.is_bounded for block in self.blocks)

    @property
    def is_connected(self) -> bool:
        """Whether all blocks are."""
        return all(block.is_connected for block in self.blocks)

    def split(self, points: Tensor) -> tuple[Tensor, ...]:
        """Return the coordinates of each block of points (..., dim)."""
        parts: tuple[Tensor, ...] = points.split(self.sizes, -1)
        return parts

    def contains(self, points: Tensor, *, tolerance: float = 1e-5) -> Tensor:
        """Tell which points lie in their block's space in every block."""
        inside = [
            block.contains(part, tolerance=tolerance)
            for block, part in zip(self.blocks, self.split(points), strict=True)
        ]
        return torch.stack(inside).all(0)
