"""A partition of space into cells of nearly equal mass: a k-d tree over a random rotation of some points.

Each node is split at the median of its widest rotated coordinate; the rotation is drawn anew for each partition, so
that the walls of two partitions do not coincide. (Bentley 1975.)
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from contrica import _checks
from contrica.errors import ShapeError

SPREAD_ROWS = 64
"""The widest coordinate of a node is taken from about this many of its rows."""


class Partition:
    """Cells of a k-d tree, each holding the same share of the points that it was built on.

    Parameters
    ----------
    points : Tensor of shape (samples, dim)
        At least 2 ** levels rows.
    levels : int
        There will be 2 ** levels cells.
    generator : torch.Generator
        Draws the rotation and which rows are left out where the samples do not divide evenly.

    Raises
    ------
    ShapeError
        If there are fewer points than cells.

    Attributes
    ----------
    members : int64 Tensor of shape (cells, points per cell)
        Which points lie in each cell; not kept in `state`.

    Notes
    -----
    Building takes one selection of medians per level, on the CPU; finding the cells of further points takes one
    comparison per level and point.

    Examples
    --------
    >>> points = torch.arange(8.0)[:, None]
    >>> partition = Partition(points, levels=2, generator=torch.Generator().manual_seed(0))
    >>> partition.cells_of(points).bincount()
    tensor([2, 2, 2, 2])
    """

    def __init__(self, points: Float[Tensor, "samples dim"], *, levels: int, generator: torch.Generator) -> None:
        """Split at medians, level by level."""
        _checks.codes(points, "points")
        self.levels = _checks.count(levels, "levels", least=0)
        if len(points) < self.num_cells:
            raise ShapeError(
                f"{self.num_cells} cells need as many points, got {len(points)}; pass more or fewer levels"
            )
        _checks.generator(generator)
        dim = points.shape[1]
        gaussian = torch.randn(dim, dim, generator=generator, device=generator.device)
        self._rotation = torch.linalg.qr(gaussian)[0].to(points)
        rotated = (points.detach() @ self._rotation).cpu().numpy()
        even = len(points) // self.num_cells * self.num_cells
        members = torch.randperm(len(points), generator=generator, device=generator.device)[:even].cpu().numpy()[None]
        self._axes: list[Tensor] = []
        self._walls: list[Tensor] = []
        for _ in range(self.levels):
            half = members.shape[1] // 2
            axes = rotated[members[:, :: max(1, members.shape[1] // SPREAD_ROWS)]].std(1).argmax(1)
            # One flat index is faster than a pair of them.
            values = rotated.reshape(-1)[members * dim + axes[:, None]]
            ranks = np.argpartition(values, half, axis=1)
            values = np.take_along_axis(values, ranks, 1)
            self._axes.append(torch.from_numpy(axes).to(points.device))
            self._walls.append(torch.from_numpy((values[:, :half].max(1) + values[:, half]) / 2).to(points.device))
            members = np.take_along_axis(members, ranks, 1).reshape(-1, half)
        self.members: Int[Tensor, "cells points"] = torch.from_numpy(members).to(points.device)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Self:
        """Return the partition whose `state` this is.

        Raises
        ------
        ShapeError, KeyError
            If it is not the state of one.
        """
        rotation, axes, walls = state["rotation"], state["axes"], state["walls"]
        levels = len(axes).bit_length()
        dim = len(rotation)
        sound = (
            rotation.shape == (dim, dim)
            and axes.shape == walls.shape == (2**levels - 1,)
            and axes.dtype == torch.int64
            and bool(((axes >= 0) & (axes < dim)).all())
        )
        if not sound:
            raise ShapeError("a partition must have an axis and a wall per node, got others; take them from state")
        partition = cls.__new__(cls)
        partition.levels, partition._rotation = levels, rotation
        counts = [2**level for level in range(levels)]
        partition._axes, partition._walls = list(axes.split(counts)), list(walls.split(counts))
        return partition

    def state(self) -> dict[str, Tensor]:
        """Return rotation, and axis and wall of each node, level by level."""
        empty = self._rotation.new_empty(0)
        return {
            "rotation": self._rotation,
            "axes": torch.cat([empty.long(), *self._axes]),
            "walls": torch.cat([empty, *self._walls]),
        }

    def holds(self, cells: Tensor) -> bool:
        """Return whether all are numbers of cells."""
        return cells.dtype == torch.int64 and bool(((cells >= 0) & (cells < self.num_cells)).all())

    @property
    def num_cells(self) -> int:
        """How many cells there are."""
        return int(2**self.levels)

    def cells_of(self, points: Float[Tensor, "rows dim"]) -> Int[Tensor, " rows"]:
        """Return the number of the cell that each point lies in, from 0."""
        rotated = points.detach() @ self._rotation
        cells = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        for axes, walls in zip(self._axes, self._walls, strict=True):
            right = rotated.gather(1, axes[cells][:, None]).squeeze(1) > walls[cells]
            cells = 2 * cells + right
        return cells
