"""Neighbourhood batches: pairs drawn from cells of space, so that negatives are hard and the optimum stays exact.

When the mutual information I is far above log(batch), the positive is told from random negatives by a few dimensions
and the gradient starves. In a cell R of mass m the negatives are neighbours: log(1/m) nats are added to log(batch).

    within     anchors x of pairs with x, x~ in R, candidates all x~ in R: positives ~ p(x~|x) / P(R|x), candidates
               ~ p(x~) / P(R), so log ratio = log r + c(x); exact for InfoNCE by rows, whose c(x) is free anyway
    stratified anchors all x in R, candidates all x~ in R and, for those outside, an independent sample with the weight
               of all that it stands for: every sum over the pool's x~ is estimated without bias; exact for NCE, NWJ,
               SCL

A cell may depend on anything but on which x~ belongs to which x. Here it is a cell of a k-d tree in coordinates that
are a function of an observation, such as the present codes, and the tree is grown on draws of its own.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import ContricaError, DomainError, DtypeError, RecordError, ShapeError
from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.cells import Cells
from contrica.pairs.partition import Partition

NeighbourhoodForm = Literal["within", "stratified"]

ROWS_AT_ONCE = 8192
"""Observations are given coordinates in chunks of this many."""


class NeighbourhoodPairs:
    """Draws the pairs of another source from a few cells at a time.

    Parameters
    ----------
    source : PairSource
        Independent pairs, without groups and without negatives of their own.
    coordinates : callable
        From observations (rows, ...) to (rows, dim), in which cells are cut: the encoder, or a fixed map such as a
        whitening, which costs no encoding of the pool. Called without gradients.
    cell_size : int
        Pairs of the pool per cell, on average.
    pool_size : int
        Pairs drawn at each refresh; there are ``pool_size / cell_size`` cells, rounded down to a power of two.
    form : "within" or "stratified"
        See above; "within" leaves out the pairs that straddle a wall.
    num_shared : int
        Candidates from everywhere, in the stratified form.

    Raises
    ------
    DomainError, DtypeError
        If a number is out of its range, or the source gives groups or negatives.

    Notes
    -----
    Before the first `refresh` the batches are the source's own. Between two refreshes `draw` changes no state, and
    takes cells at random from the same pool, so a pool that is kept for long is gone over many times. A refresh costs
    coordinates of ``2 pool_size`` observations and of the ``pool_size`` on which the tree is grown.

    Examples
    --------
    >>> from contrica.pairs.simulated import SimulatedPairs
    >>> from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
    >>> from contrica.spaces import Box
    >>> model = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.05))
    >>> identity = torch.nn.Identity()
    >>> pairs = NeighbourhoodPairs(SimulatedPairs(model, identity), identity, cell_size=64, pool_size=4096)
    >>> generator = torch.Generator().manual_seed(0)
    >>> pairs.refresh(generator=generator)
    >>> pairs.draw(128, generator=generator).num_pairs
    128
    """

    def __init__(
        self,
        source: PairSource,
        coordinates: Callable[[Tensor], Tensor],
        *,
        cell_size: int = 128,
        pool_size: int = 131_072,
        form: NeighbourhoodForm = "within",
        num_shared: int = 512,
    ) -> None:
        """Keep the source; nothing is drawn yet."""
        if not isinstance(source, PairSource):
            raise DtypeError(f"source must have a method draw, got {type(source).__name__}; pass a PairSource")
        if not callable(coordinates):
            raise DtypeError(f"coordinates must be callable, got {type(coordinates).__name__}; pass the encoder")
        self.source = source
        self.coordinates = coordinates
        self.cell_size = _checks.count(cell_size, "cell_size", least=2)
        self.pool_size = _checks.count(pool_size, "pool_size", least=2 * self.cell_size)
        self.form = _checks.choice(form, "form", ("within", "stratified"))
        self.num_shared = _checks.count(num_shared, "num_shared", least=2)
        self._pool: _Pool | None = None

    @torch.no_grad()
    def refresh(self, *, generator: torch.Generator) -> None:
        """Draw a new pool, and cut space anew in the coordinates as they are now."""
        levels = (self.pool_size // self.cell_size).bit_length() - 1
        grown_on = self._drawn(self.pool_size, generator).positives
        partition = Partition(self._coordinates_of(grown_on), levels=levels, generator=generator)
        pairs = self._drawn(self.pool_size, generator)
        self._pool = _Pool(
            partition,
            pairs,
            partition.cells_of(self._coordinates_of(pairs.anchors)),
            partition.cells_of(self._coordinates_of(pairs.positives)),
            within=self.form == "within",
        )

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` pairs whose anchors lie in as few cells as hold them.

        Raises
        ------
        DomainError
            If the pool holds fewer pairs of the form.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        if self._pool is None:
            return self.source.draw(size, generator=_checks.generator(generator))
        pool = self._pool
        rows = pool.rows_of_neighbours(size, _checks.generator(generator))
        anchor_cells, positive_cells = pool.anchor_cells[rows], pool.positive_cells[rows]
        others = pool.others(rows)
        shared = shared_cells = num_outside = None
        if self.form == "stratified":
            shared = self._drawn(self.num_shared, generator).positives
            shared_cells = pool.partition.cells_of(self._coordinates_of(shared))
            own_outside = (anchor_cells != positive_cells).long()
            num_outside = self.pool_size - pool.sizes[anchor_cells] - own_outside
        cells = Cells(
            anchor_cells,
            positive_cells,
            pool.pairs.positives[others],
            pool.positive_cells[others],
            shared,
            shared_cells,
            num_outside,
        )
        return PairBatch(pool.pairs.anchors[rows], pool.pairs.positives[rows], cells=cells)

    def state(self) -> dict[str, Tensor]:
        """Return the pool and the walls of its cells; nothing before the first refresh."""
        if self._pool is None:
            return {}
        pool = self._pool
        return {
            "anchors": pool.pairs.anchors,
            "positives": pool.pairs.positives,
            "anchor_cells": pool.anchor_cells,
            "positive_cells": pool.positive_cells,
            **pool.partition.state(),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Draw from the pool that `state` returned.

        Raises
        ------
        RecordError
            If it is no such state.
        """
        if not state:
            self._pool = None
            return
        try:
            cells = [state[name] for name in ("anchor_cells", "positive_cells")]
            pairs = PairBatch(state["anchors"], state["positives"])
            partition = Partition.of(state)
            if any(ids.shape != (pairs.num_pairs,) or not partition.holds(ids) for ids in cells):
                raise ShapeError("cells must be one number per pair")
        except (KeyError, ContricaError) as error:
            raise RecordError(f"the state of the pairs must hold a pool and its cells, and {error}") from error
        self._pool = _Pool(partition, pairs, *cells, within=self.form == "within")

    def _drawn(self, size: int, generator: torch.Generator) -> PairBatch:
        batch = self.source.draw(size, generator=_checks.generator(generator))
        if batch.groups is not None or batch.negatives is not None or batch.cells is not None:
            raise DomainError(
                "neighbourhoods need independent pairs, got a batch with groups, negatives or cells; use a plain source"
            )
        return batch

    def _coordinates_of(self, observations: Tensor) -> Tensor:
        return torch.cat([self.coordinates(chunk) for chunk in observations.split(ROWS_AT_ONCE)])


class _Pool:
    """Pairs sorted by the cells of their anchors, and by those of their positives."""

    def __init__(
        self, partition: Partition, pairs: PairBatch, anchor_cells: Tensor, positive_cells: Tensor, *, within: bool
    ) -> None:
        self.partition, self.pairs = partition, pairs
        self.anchor_cells, self.positive_cells = anchor_cells, positive_cells
        usable = torch.arange(len(anchor_cells), device=anchor_cells.device)
        usable = usable[anchor_cells == positive_cells] if within else usable
        self._by_anchor = usable[anchor_cells[usable].argsort(stable=True)]
        self._by_positive = positive_cells.argsort(stable=True)
        self._held = anchor_cells[usable].bincount(minlength=partition.num_cells)
        self.sizes = positive_cells.bincount(minlength=partition.num_cells)

    def rows_of_neighbours(self, size: int, generator: torch.Generator) -> Tensor:
        """Return a window of the usable pairs with cells in random order; every pair is in it equally often."""
        total = len(self._by_anchor)
        if size > total:
            raise DomainError(
                f"batch_size must be at most {total}, the usable pairs of the pool, got {size}; lower it or draw a"
                " larger pool"
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

    def others(self, rows: Tensor) -> Tensor:
        """Return the pairs whose x~ lies in a cell of the anchors of ``rows``, and that are not among ``rows``."""
        cells = self.anchor_cells[rows].unique()
        counts, starts = self.sizes[cells], (self.sizes.cumsum(0) - self.sizes)[cells]
        offsets = (starts - (counts.cumsum(0) - counts)).repeat_interleave(counts)
        inside = self._by_positive[torch.arange(len(offsets), device=rows.device) + offsets]
        return inside[~torch.isin(inside, rows)]
