"""Simulated place and grid cells: rates as functions of position, and Poisson spikes.

    place cell   rate(p) = peak exp(-|p - centre|^2 / (2 width^2))
    grid cell    rate(p) = peak exp(SHARPNESS (m(p) - 1)),   m(p) = (1/3) sum_j cos(k_j . (p - phase))

with wave vectors k_j of length 4 pi / (sqrt(3) spacing) at 60 degrees from each other, so that m is largest, 1, on a
hexagonal lattice of that spacing, and cells of one animal share the orientation and come in three spacings. (Place
fields: O'Keefe 1976, Exp. Neurol. 51:78; grids: Hafting et al. 2005, Nature 436:801; the three waves: Solstad, Moser,
Einevoll 2006, Hippocampus 16:1026. That they are exponentiated, which keeps rates positive, is our choice.)
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import ShapeError

PLACE_WIDTH = 0.12
"""Metres: place fields of a small open field are some 30 centimetres across."""

SPACINGS = (0.3, 0.42, 0.6)
"""Metres from one vertex of a grid to the next; those of neighbouring modules differ by a factor of about 1.4."""

PEAKS = (8.0, 20.0)
"""Spikes a second at the best place, uniform between these."""

SHARPNESS = 3.0
"""At this the rate of a grid cell halves at about a quarter of the spacing from a vertex."""


@dataclass(frozen=True, eq=False)
class SpatialCells:
    """Cells of one animal in a box of one metre; make them with `draw`.

    Attributes
    ----------
    centres : Tensor of shape (num_place, 2)
        Of place fields, metres.
    waves : Tensor of shape (num_grid, 3, 2)
        Wave vectors of grid cells, radians per metre.
    phases : Tensor of shape (num_grid, 2)
        A vertex of each grid, metres.
    peaks : Tensor of shape (num_place + num_grid,)
        Spikes a second.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> cells = SpatialCells.draw(50, 50, generator=generator)
    >>> cells.counts(torch.rand(10, 2, generator=generator), seconds=0.1, generator=generator).shape
    torch.Size([10, 100])
    """

    centres: Tensor
    waves: Tensor
    phases: Tensor
    peaks: Tensor

    @classmethod
    def draw(cls, num_place: int, num_grid: int, *, generator: torch.Generator) -> Self:
        """Draw centres, phases and peaks uniformly, and one orientation for all grids.

        Raises
        ------
        DomainError, DtypeError
            If a number of cells is negative or not whole, or ``generator`` is none.
        """
        _checks.generator(generator)
        place, grid = (
            _checks.count(number, name, least=0) for number, name in ((num_place, "num_place"), (num_grid, "num_grid"))
        )

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        turns = uniform(1) * math.pi / 3 + torch.arange(3) * math.pi / 3
        spacings = torch.tensor(SPACINGS, dtype=torch.float64)[
            torch.randint(len(SPACINGS), (grid,), generator=generator)
        ]
        directions = torch.stack((turns.cos(), turns.sin()), dim=1)
        waves = 4 * math.pi / (math.sqrt(3) * spacings[:, None, None]) * directions
        low, high = PEAKS
        return cls(uniform(place, 2), waves, uniform(grid, 2), low + (high - low) * uniform(place + grid))

    def rates(self, positions: Tensor) -> Tensor:
        """Return spikes a second at ``positions`` of shape (rows, 2), metres; shape (rows, cells), place cells first.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If positions are not finite rows of two coordinates.
        """
        places = _checks.matrix(positions, "positions", columns=2).double()
        place = (-(places[:, None] - self.centres).square().sum(-1) / (2 * PLACE_WIDTH**2)).exp()
        angles = torch.einsum("rgi,gji->rgj", places[:, None] - self.phases, self.waves)
        grid = (SHARPNESS * (angles.cos().mean(-1) - 1)).exp()
        return self.peaks * torch.cat((place, grid), dim=1)

    def counts(self, positions: Tensor, *, seconds: float, generator: torch.Generator) -> Tensor:
        """Draw how often each cell fires in a bin of ``seconds`` at each position; float32 of shape (rows, cells).

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If positions are not finite rows of two coordinates, or ``seconds`` is not positive.
        """
        expected = self.rates(positions) * _checks.positive(seconds, "seconds")
        if expected.shape[1] == 0:
            raise ShapeError("there must be at least 1 cell, got none; draw some")
        return torch.poisson(expected, generator=_checks.generator(generator)).float()
