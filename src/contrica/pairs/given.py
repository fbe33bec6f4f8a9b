"""Positive pairs that somebody else has formed, drawn at random.

A batch is a uniform random subset of the rows: no row occurs twice in a batch, for a repeated row would be its own
false negative.
"""

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.pairs.batch import PairBatch
from contrica.pairs.row_draws import random_subset


class GivenPairs:
    """Pairs held in memory.

    Parameters
    ----------
    anchors : Tensor of shape (num_pairs, ...)
        The observations x, floating and finite.
    positives : Tensor of shape (num_pairs, ...)
        The observations x~; row i belongs to row i of ``anchors``.
    groups : Tensor of shape (num_pairs,), int64, optional
        Which recording each row comes from; rows of one recording are not used as each other's negatives.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        As `PairBatch` does for the whole array, and if a value is NaN or infinite.

    Examples
    --------
    >>> pairs = GivenPairs(torch.arange(6.0)[:, None], torch.arange(6.0)[:, None] + 0.5)
    >>> batch = pairs.draw(3, generator=torch.Generator().manual_seed(0))
    >>> bool((batch.positives - batch.anchors == 0.5).all())
    True
    """

    def __init__(self, anchors: Tensor, positives: Tensor, groups: Tensor | None = None) -> None:
        """Keep references to the arrays; nothing is copied."""
        self._all = PairBatch(anchors, positives, groups)
        for name, value in (("anchors", anchors), ("positives", positives)):
            if not torch.isfinite(value).all():
                raise DomainError(f"{name} must be finite, got NaN or infinity; drop or repair those rows")

    @property
    def num_pairs(self) -> int:
        """How many pairs there are to draw from."""
        return self._all.num_pairs

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` different rows, every subset equally likely.

        Raises
        ------
        DomainError
            If more rows are asked for than there are, or the drawn rows all share one group.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        if size > self.num_pairs:
            raise DomainError(f"batch_size must be at most {self.num_pairs}, the number of pairs, got {size}; lower it")
        rows = random_subset(self.num_pairs, size, _checks.generator(generator)).to(self._all.anchors.device)
        groups = self._all.groups
        return PairBatch(
            self._all.anchors[rows].detach(),
            self._all.positives[rows].detach(),
            None if groups is None else groups[rows],
        )
