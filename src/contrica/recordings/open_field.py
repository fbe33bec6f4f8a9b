"""The rat's path, seen by simulated place and grid cells: its position from spike counts and time alone.

Counts of 100 cells in bins of .1 s, summed over .5 s within blocks of 20 s; a pair is two sums .5 to 1.5 s apart. The
cells are of the seed; the blocks and their roles are the same for all seeds.
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from contrica.datasets import SpatialCells, open_field_path
from contrica.datasets.open_field import NAME
from contrica.recordings.decoders import place_scores
from contrica.recordings.series import series_task
from contrica.recordings.smoothing import summed
from contrica.recordings.task import Array, Task, View, roles_of

BIN, BLOCK = 0.1, 20.0
"""Seconds."""

SUMMED, LAGS = 5, range(5, 16)
"""Bins."""

SPLIT = 123


@dataclass(frozen=True)
class OpenField:
    """Position from the counts of place and grid cells.

    Parameters
    ----------
    num_place, num_grid : int
        Simulated cells of each kind.
    """

    num_place: int = 50
    num_grid: int = 50
    source: ClassVar[str] = NAME

    def spikes(self, seed: int) -> tuple[Array, Array, Array]:
        """Draw the cells and their spikes; return counts per bin (bins, cells), the block of each bin, its position.

        Raises
        ------
        UnreadableFileError, FileFormatError
            If there is no such recording.
        """
        path = open_field_path().every(BIN)
        generator = torch.Generator().manual_seed(seed)
        cells = SpatialCells.draw(self.num_place, self.num_grid, generator=generator)
        counts = cells.counts(torch.tensor(path.positions), seconds=BIN, generator=generator).numpy()
        return counts, ((path.times - path.times[0]) // BLOCK).astype(np.int64), path.positions

    def task(self, seed: int) -> Task:
        """Sum the counts within blocks, and give each block a role.

        Raises
        ------
        UnreadableFileError, FileFormatError
            If there is no such recording.
        """
        counts, blocks, positions = self.spikes(seed)
        sums, middles = summed(counts, blocks, SUMMED)
        blocks, places = blocks[middles], positions[middles]
        low, high = places.min(0), places.max(0)
        return series_task(
            torch.tensor(sums),
            blocks,
            roles_of(blocks, seed=SPLIT),
            lags=LAGS,
            labels=places,
            decoder=lambda truth: partial(place_scores, truth),
            view=View("position", "plane", (places - low) / (high - low)),
        )
