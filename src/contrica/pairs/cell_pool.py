"""A pool of pairs in cells of their x~: an anchor is contrasted with the x~ of the cell that its positive lies in.

Cells are a function of the pool's x~ as a set, so given x and the x~ of a cell, each of these is the partner of x with
probability ``p(x|x~_j) / sum_k p(x|x~_k) = r(x, x~_j) / sum_k r(x, x~_k)``: what InfoNCE by rows learns in the cell
is log r, up to its usual c(x). Every pair is of use, wherever its anchor lies.
"""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from contrica.errors import DomainError, ShapeError
from contrica.pairs.batch import PairBatch
from contrica.pairs.cells import Cells


class CellPool:
    """Pairs that are sorted by cells of equal size.

    Parameters
    ----------
    pairs : PairBatch
        Cell by cell.
    num_cells : int
        Divides the number of pairs.
    """

    def __init__(self, pairs: PairBatch, num_cells: int) -> None:
        self.pairs = pairs
        self.num_cells = num_cells
        self.cell_size = pairs.num_pairs // num_cells

    def draw(self, size: int, generator: torch.Generator) -> PairBatch:
        """Return pairs from as few random cells as hold them, as evenly as can be; every pair is as likely."""
        if size > self.pairs.num_pairs:
            raise DomainError(
                f"batch_size must be at most {self.pairs.num_pairs}, the pairs of the pool, got {size}; lower it or"
                " draw a larger pool"
            )
        count = -(-size // self.cell_size)
        drawn = torch.randperm(self.num_cells, generator=generator, device=generator.device)[:count].cpu()
        first = torch.randint(self.cell_size, (count,), generator=generator, device=generator.device).cpu()
        lengths = torch.full((count,), size // count)
        lengths[: size % count] += 1
        slots = torch.arange(count).repeat_interleave(lengths)
        places = torch.arange(size) - (lengths.cumsum(0) - lengths)[slots]
        rows = drawn[slots] * self.cell_size + (first[slots] + places) % self.cell_size
        rows, slots = rows.to(self.pairs.anchors.device), slots.to(self.pairs.anchors.device)
        positives = self.pairs.positives[rows]
        cells = Cells(slots, slots, positives[:0], slots[:0])  # numbered within the batch, in order
        return PairBatch(self.pairs.anchors[rows], positives, cells=cells)

    def state(self) -> dict[str, Tensor]:
        """Return the pairs, and the number of cells."""
        return {
            "anchors": self.pairs.anchors,
            "positives": self.pairs.positives,
            "num_cells": torch.tensor(self.num_cells),
        }

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Self:
        """Return the pool whose `state` this is.

        Raises
        ------
        ShapeError, KeyError
            If it is not the state of one.
        """
        pairs, number = PairBatch(state["anchors"], state["positives"]), state["num_cells"]
        whole = number.shape == () and number.dtype == torch.int64
        if not whole or number < 1 or pairs.num_pairs % number:
            raise ShapeError(f"{pairs.num_pairs} pairs must fill whole cells, got {number}; take both from state")
        return cls(pairs, int(number))
