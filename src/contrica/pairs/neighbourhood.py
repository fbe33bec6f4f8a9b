"""Neighbourhood batches: pairs drawn from cells of space, so that negatives are hard and the optimum stays exact.

When the mutual information I is far above log(batch), the positive is told from random negatives by a few dimensions
and the gradient starves. In a cell R of mass m the negatives are neighbours: log(1/m) nats are added to log(batch).

    within     candidates all x~ in R, anchors their partners x, wherever these lie: given x, positives ~ p(x~|x) /
               P(R|x) and candidates ~ p(x~) / P(R), so log ratio = log r + c(x); exact for InfoNCE by rows, whose
               c(x) is free anyway (`CellPool`)
    stratified anchors all x in R, candidates all x~ in R and, for those outside, an independent sample with the weight
               of all that it stands for: every sum over the pool's x~ is estimated without bias; exact for NCE, NWJ,
               SCL (`StratifiedPool`)

A cell may depend on anything but on which x~ belongs to which x. Here it is a cell of a k-d tree in coordinates that
are a function of an observation, such as the present codes. In the first form it is grown on the pool's own x~, which
fill all cells equally; in the second on draws of its own.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import ContricaError, DomainError, DtypeError, RecordError
from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.cell_pool import CellPool
from contrica.pairs.partition import Partition
from contrica.pairs.stratified_pool import StratifiedPool

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
        Pairs of the pool per cell, at least, and less than twice as many.
    pool_size : int
        Pairs drawn at each refresh; there are ``pool_size / cell_size`` cells, rounded down to a power of two.
    form : "within" or "stratified"
        See above.
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
    coordinates of ``pool_size`` observations, of three times as many in the stratified form.

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
        self._pool: CellPool | StratifiedPool | None = None

    @torch.no_grad()
    def refresh(self, *, generator: torch.Generator, pool_size: int | None = None) -> None:
        """Draw a new pool, and cut space anew in the coordinates as they are now.

        Parameters
        ----------
        generator : torch.Generator
        pool_size : int, optional
            Pairs to draw this time. Cells of few pairs are wide: a curriculum begins with them.

        Raises
        ------
        DomainError
            If ``pool_size`` is less than two cells, or the source gives groups or negatives.
        """
        size = self.pool_size
        if pool_size is not None:
            size = _checks.count(pool_size, "pool_size", least=2 * self.cell_size)
        levels = (size // self.cell_size).bit_length() - 1
        pairs = self._drawn(size, generator)
        positives = self._coordinates_of(pairs.positives)
        if self.form == "within":
            partition = Partition(positives, levels=levels, generator=generator)
            rows = partition.members.view(-1).to(pairs.anchors.device)
            anchors, partners = (view.contiguous().index_select(0, rows) for view in (pairs.anchors, pairs.positives))
            self._pool = CellPool(PairBatch(anchors, partners), partition.num_cells)
            return
        grown_on = self._coordinates_of(self._drawn(size, generator).positives)
        partition = Partition(grown_on, levels=levels, generator=generator)
        anchors = self._coordinates_of(pairs.anchors)
        self._pool = StratifiedPool(partition, pairs, partition.cells_of(anchors), partition.cells_of(positives))

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` pairs from as few cells as hold them.

        Raises
        ------
        DomainError
            If the pool holds fewer pairs.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        _checks.generator(generator)
        match self._pool:
            case None:
                return self.source.draw(size, generator=generator)
            case CellPool():
                return self._pool.draw(size, generator)
            case StratifiedPool():
                shared = self._drawn(self.num_shared, generator).positives
                cells = self._pool.partition.cells_of(self._coordinates_of(shared))
                return self._pool.draw(size, generator, shared, cells)

    def state(self) -> dict[str, Tensor]:
        """Return the pool and its cells; nothing before the first refresh."""
        return {} if self._pool is None else self._pool.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Draw from the pool that `state` returned.

        Raises
        ------
        RecordError
            If it is no such state.
        """
        try:
            self._pool = (CellPool if self.form == "within" else StratifiedPool).of(state) if state else None
        except (KeyError, ContricaError) as error:
            raise RecordError(f"the state of the pairs must hold a pool and its cells, and {error}") from error

    def _drawn(self, size: int, generator: torch.Generator) -> PairBatch:
        batch = self.source.draw(size, generator=_checks.generator(generator))
        if batch.groups is not None or batch.negatives is not None or batch.cells is not None or batch.wider:
            raise DomainError(
                "neighbourhoods need independent pairs, got a batch with groups, negatives, cells or wider positives;"
                " use a plain source"
            )
        return batch

    def _coordinates_of(self, observations: Tensor) -> Tensor:
        return torch.cat([self.coordinates(chunk) for chunk in observations.split(ROWS_AT_ONCE)])
