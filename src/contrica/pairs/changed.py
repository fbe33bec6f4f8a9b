"""Pairs of any source, each side of which is changed at random: pairs by time or by label that are augmented as well.

    (x, x~) ~ source,   y = a(x, omega),   y~ = a(x~, omega~),   omega and omega~ independent

so codes cannot rest on what the change takes away, such as single cells of a population, and few rows go further.
"""

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError
from contrica.pairs.augmented import Augmentation, changed
from contrica.pairs.batch import PairBatch, PairSource


class ChangedPairs:
    """Pairs of a source after independent random changes of their two sides.

    Parameters
    ----------
    source : PairSource
        Draws the pairs. It must not draw from cells of space, which are known of unchanged observations only.
    change : callable
        Called as ``change(observations, generator=generator)`` with a batch, see `Augmentation`.

    Raises
    ------
    DtypeError
        If either is no such thing.

    Examples
    --------
    >>> from contrica.pairs.temporal import TemporalPairs
    >>> pairs = ChangedPairs(TemporalPairs(torch.ones(50, 8), lags=1), Dropout(0.5))
    >>> pairs.draw(4, generator=torch.Generator().manual_seed(0)).anchors[0]
    tensor([2., 2., 0., 0., 2., 2., 0., 2.])
    """

    def __init__(self, source: PairSource, change: Augmentation) -> None:
        """Keep both; nothing is drawn yet."""
        if not isinstance(source, PairSource):
            raise DtypeError(f"source must have draw, got {type(source).__name__}; pass such as TemporalPairs")
        if not callable(change):
            raise DtypeError(f"a change must be callable, got {type(change).__name__}; pass such as Dropout(0.5)")
        self._source, self._change = source, change

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` pairs and change them.

        Raises
        ------
        DomainError, DtypeError, ShapeError
            As the source does, if it draws from cells, or the change returns other than as many finite observations.
        """
        batch = self._source.draw(batch_size, generator=_checks.generator(generator))
        if batch.cells is not None:
            raise DomainError("changed pairs cannot be drawn from cells, got some; put NeighbourhoodPairs over them")
        anchors, positives = (changed(self._change, side, generator) for side in (batch.anchors, batch.positives))
        negatives = None if batch.negatives is None else changed(self._change, batch.negatives, generator)
        wider = tuple(changed(self._change, side, generator) for side in batch.wider)
        return PairBatch(anchors, positives, batch.groups, negatives, wider=wider, chained=batch.chained)


class Dropout:
    """Set entries to 0 at random and enlarge the others, so that means stay.

    Parameters
    ----------
    share : float
        Chance of each entry to be lost, in [0, 1).

    Raises
    ------
    DomainError, DtypeError
        If it is none.
    """

    def __init__(self, share: float) -> None:
        """Remember the share."""
        self.share = _checks.finite(share, "share")
        if not 0.0 <= self.share < 1.0:
            raise DomainError(f"share must lie in [0, 1), got {share}; pass such as 0.5")

    def __call__(self, observations: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the observations with entries lost."""
        chances = torch.rand(observations.shape, generator=generator, device=generator.device)
        kept = (chances >= self.share).to(observations)
        return observations * kept / (1.0 - self.share)
