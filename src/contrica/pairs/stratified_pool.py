"""A pool of pairs in cells, for losses that need every x~ of the pool: those in the anchor's cell, and a sample.

Anchors are all x in the cells of a batch, candidates all x~ there and, for the x~ outside of an anchor's cell, an
independent sample with the weight of all that it stands for: every sum over the pool's x~ is estimated without bias.
"""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from contrica.errors import DomainError, ShapeError
from contrica.pairs.batch import PairBatch
from contrica.pairs.cells import Cells
from contrica.pairs.partition import Partition


class StratifiedPool:
    """Pairs sorted by the cells of their anchors, and by those of their positives.

    Parameters
    ----------
    partition : Partition
        Grown on other draws than ``pairs``.
    pairs : PairBatch
    anchor_cells, positive_cells : int64 Tensors of shape (pairs,)
    """

    def __init__(self, partition: Partition, pairs: PairBatch, anchor_cells: Tensor, positive_cells: Tensor) -> None:
        self.partition, self.pairs = partition, pairs
        self.anchor_cells, self.positive_cells = anchor_cells, positive_cells
        self._by_anchor = anchor_cells.argsort(stable=True)
        self._by_positive = positive_cells.argsort(stable=True)
        self._held = anchor_cells.bincount(minlength=partition.num_cells)
        self._sizes = positive_cells.bincount(minlength=partition.num_cells)

    def draw(self, size: int, generator: torch.Generator, shared: Tensor, shared_cells: Tensor) -> PairBatch:
        """Return pairs whose anchors lie in as few cells as hold them; ``shared`` are x~ that were drawn alone."""
        rows = self.rows_of_neighbours(size, generator)
        anchor_cells, positive_cells = self.anchor_cells[rows], self.positive_cells[rows]
        others = self._others(rows)
        own_outside = (anchor_cells != positive_cells).long()
        cells = Cells(
            anchor_cells,
            positive_cells,
            self.pairs.positives[others],
            self.positive_cells[others],
            shared,
            shared_cells,
            self.pairs.num_pairs - self._sizes[anchor_cells] - own_outside,
        )
        return PairBatch(self.pairs.anchors[rows], self.pairs.positives[rows], cells=cells)

    def state(self) -> dict[str, Tensor]:
        """Return the pairs, their cells, and the walls between these."""
        return {
            "anchors": self.pairs.anchors,
            "positives": self.pairs.positives,
            "anchor_cells": self.anchor_cells,
            "positive_cells": self.positive_cells,
            **self.partition.state(),
        }

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Self:
        """Return the pool whose `state` this is.

        Raises
        ------
        ShapeError, KeyError
            If it is not the state of one.
        """
        cells = [state[name] for name in ("anchor_cells", "positive_cells")]
        pairs, partition = PairBatch(state["anchors"], state["positives"]), Partition.of(state)
        if any(ids.shape != (pairs.num_pairs,) or not partition.holds(ids) for ids in cells):
            raise ShapeError("cells must be one number per pair, got others; take them from state")
        return cls(partition, pairs, *cells)

    def rows_of_neighbours(self, size: int, generator: torch.Generator) -> Tensor:
        """Return a window of the pairs with cells in random order; every pair is in it equally often."""
        total = len(self._by_anchor)
        if size > total:
            raise DomainError(
                f"batch_size must be at most {total}, the pairs of the pool, got {size}; lower it or draw a larger pool"
            )
        device = self._by_anchor.device
        order = torch.randperm(len(self._held), generator=generator, device=generator.device).to(device)
        first = int(torch.randint(total, (1,), generator=generator, device=generator.device))
        places = (first + torch.arange(size, device=device)) % total
        held = self._held[order]
        ends = held.cumsum(0)
        slots = torch.searchsorted(ends, places, right=True)
        starts = (self._held.cumsum(0) - self._held)[order]
        return self._by_anchor[starts[slots] + places - (ends - held)[slots]]

    def _others(self, rows: Tensor) -> Tensor:
        """Return the pairs whose x~ lies in a cell of the anchors of ``rows``, and that are not among ``rows``."""
        cells = self.anchor_cells[rows].unique()
        counts, starts = self._sizes[cells], (self._sizes.cumsum(0) - self._sizes)[cells]
        offsets = (starts - (counts.cumsum(0) - counts)).repeat_interleave(counts)
        inside = self._by_positive[torch.arange(len(offsets), device=rows.device) + offsets]
        return inside[~torch.isin(inside, rows)]
