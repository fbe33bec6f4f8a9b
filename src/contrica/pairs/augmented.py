"""Positive pairs by augmentation: the same observation, changed at random twice.

    r ~ uniform subset of rows,   x = a(x_r, omega),   x~ = a~(x_r, omega~),   omega and omega~ independent

so p(x~|x) = sum_r p(r|x) a~(x~|x_r), and negatives are augmentations of the other rows of the batch.
(SimCLR, Chen et al. 2020, ICML.)
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs.batch import PairBatch
from contrica.pairs.recording import Observations, Recording
from contrica.pairs.row_draws import random_subset


@runtime_checkable
class Augmentation(Protocol):
    """A random change of observations that takes all its randomness from ``generator``."""

    def __call__(self, observations: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the changed observations, row by row, of the dtype given and without changing the argument."""
        ...


class AugmentedPairs:
    """Pairs of two random changes of one observation.

    Parameters
    ----------
    observations : Tensor or array of shape (rows, ...)
        See `Recording` for dtypes and mapped files.
    augmentation : callable
        Called as ``augmentation(observations, generator=generator)`` with a batch, once for x and once for x~. What
        it leaves unchanged, the codes may keep; what it changes beyond recognition, they cannot.
    anchor_augmentation : callable, optional
        Called for x in place of ``augmentation``; ``lambda observations, *, generator: observations`` leaves x as is.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        As `Recording`, or if an augmentation is not callable.

    Notes
    -----
    No row occurs twice in a batch, for its changes would be each other's false negatives; so a batch is no larger
    than the recording. Negatives are drawn from the other rows, which is p(x~) but for a share 1 / rows.

    Examples
    --------
    >>> def jitter(observations, *, generator):
    ...     return observations + torch.randn(observations.shape, generator=generator)
    >>> pairs = AugmentedPairs(torch.arange(40.0)[:, None], jitter)
    >>> pairs.draw(4, generator=torch.Generator().manual_seed(0)).positives.shape
    torch.Size([4, 1])
    """

    def __init__(
        self, observations: Observations, augmentation: Augmentation, *, anchor_augmentation: Augmentation | None = None
    ) -> None:
        """Keep all of them; nothing is called yet."""
        self._recording = Recording(observations)
        for change in (augmentation, anchor_augmentation):
            if change is not None and not callable(change):
                raise DtypeError(f"an augmentation must be callable, got {type(change).__name__}; pass a function")
        self._augmentations = (augmentation if anchor_augmentation is None else anchor_augmentation, augmentation)

    @property
    def num_rows(self) -> int:
        """How many observations there are."""
        return self._recording.num_rows

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` different rows and change each of them twice.

        Raises
        ------
        DomainError, DtypeError, ShapeError
            If ``batch_size`` is not a whole number of at least 2 and at most the number of rows, ``generator`` is
            none, or an augmentation returns other than as many finite observations of the dtype given.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        rows = self.draw_rows(size, generator=generator)[0]
        anchors, positives = (changed(change, self._recording.take(rows), generator) for change in self._augmentations)
        return PairBatch(anchors, positives)

    def draw_rows(self, batch_size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the rows of x and of x~, which are the same; `draw` changes the same ones from equal generators.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 1 and at most the number of rows, or ``generator`` is
            none.
        """
        size = _checks.count(batch_size, "batch_size")
        if size > self.num_rows:
            raise DomainError(f"batch_size must be at most {self.num_rows}, the number of rows, got {size}; lower it")
        rows = random_subset(self.num_rows, size, _checks.generator(generator)).cpu()
        return rows, rows


def changed(augmentation: Augmentation, observations: Tensor, generator: torch.Generator) -> Tensor:
    """Return what the augmentation makes of the observations.

    Raises
    ------
    DtypeError, ShapeError, DomainError
        If it returns other than as many finite observations of the dtype given.
    """
    result = augmentation(observations, generator=generator)
    if not isinstance(result, Tensor) or result.dtype != observations.dtype:
        got = result.dtype if isinstance(result, Tensor) else type(result).__name__
        raise DtypeError(f"an augmentation must return a {observations.dtype} tensor, got {got}; convert its result")
    if result.ndim < 2 or len(result) != len(observations):
        raise ShapeError(
            f"an augmentation must return one observation per row, {len(observations)}, got shape"
            f" {tuple(result.shape)}; change rows one by one"
        )
    if not bool(torch.isfinite(result).all()):
        raise DomainError("an augmentation must return finite observations, got NaN or infinity; limit its change")
    return result.detach()
