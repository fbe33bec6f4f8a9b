"""One batch of positive pairs, and the promise of whatever draws them.

Row i of `anchors` and of `positives` is one draw of (x, x~) ~ p(x, x~). Rows i and j stand for independent draws,
so that (x_i, x~_j) is a negative pair, x_i, x~_j ~ p(x) p(x~), unless they share a group.
"""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs.cells import Cells


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Positive pairs, with what is known of which rows may serve as each other's negatives.

    Attributes
    ----------
    anchors : Tensor of shape (batch, ...)
        The observations x, floating.
    positives : Tensor of shape (batch, ...)
        The observations x~; row i belongs to row i of `anchors`.
    groups : Tensor of shape (batch,), int64, or None
        Rows with equal ids come from one recording, hence are dependent, and are never each other's negatives.
    negatives : Tensor of shape (num_negatives, ...), or None
        Independent draws that replace the other rows' positives as negatives, the same ones for every anchor.
    cells : Cells or None
        Where the pairs were drawn from cells of space: the cells, and the other candidates in them. Only candidates in
        an anchor's own cell are then its negatives. Not together with `groups` or `negatives`.
    wider : tuple of Tensor of shape (batch, ...)
        Further positives of the same anchors, each of a wider law than the one before it and than `positives`; what the
        other rows offer as negatives are then the widest. Not together with `cells`; see `SimulatedLadder`.
    chained : bool
        Whether the positives of one anchor depend on each other beyond it, as later rows of one recording do. InfoNCE
        is then refused, see `contrica.contrast.pair_loss`.

    Raises
    ------
    ShapeError
        If the shapes disagree, or there is no second row to draw a negative from.
    DtypeError
        If observations are not floating, of different dtypes, or groups are not int64.
    DomainError
        If the tensors lie on different devices, or all rows share one group and no `negatives` are given.

    Notes
    -----
    The values are not searched for NaN here: the training loop meets them in the loss and names the step.

    Examples
    --------
    >>> batch = PairBatch(torch.zeros(4, 3), torch.ones(4, 3))
    >>> batch.num_pairs
    4
    """

    anchors: Tensor
    positives: Tensor
    groups: Tensor | None = None
    negatives: Tensor | None = None
    cells: Cells | None = None
    wider: tuple[Tensor, ...] = ()
    chained: bool = False

    def __post_init__(self) -> None:
        """Refuse rows that do not describe the same pairs, and batches that hold no negative at all."""
        self._check_observations("anchors", self.anchors)
        self._check_observations("positives", self.positives)
        if self.negatives is not None:
            self._check_observations("negatives", self.negatives)
        _checks.same_rows(self.anchors, self.positives, "anchors", "positives")
        self._check_wider()
        if self.groups is not None:
            self._check_groups(self.groups)
        if self.cells is not None:
            self._check_cells(self.cells)
        if self.negatives is not None:
            return
        if self.num_pairs < 2:
            raise ShapeError(
                "a batch without separate negatives must have at least 2 rows, got 1; pass more pairs or negatives"
            )
        if self.groups is not None and bool((self.groups == self.groups[0]).all()):
            raise DomainError(
                "rows of one group are no negatives of each other, but all rows share group"
                f" {int(self.groups[0])}; mix groups within a batch or pass negatives"
            )

    @property
    def num_pairs(self) -> int:
        """How many positive pairs the batch holds."""
        return self.anchors.shape[0]

    @property
    def ladder(self) -> tuple[Tensor, ...]:
        """All positives of the anchors, from the narrowest law to the widest."""
        return (self.positives, *self.wider)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on ``device``; itself if it is there already."""
        target = torch.device(device)
        if self.anchors.device == target:
            return self
        return type(self)(
            self.anchors.to(target),
            self.positives.to(target),
            None if self.groups is None else self.groups.to(target),
            None if self.negatives is None else self.negatives.to(target),
            None if self.cells is None else self.cells.to(target),
            tuple(positives.to(target) for positives in self.wider),
            self.chained,
        )

    def _check_observations(self, name: str, value: Tensor) -> None:
        shape = self.anchors.shape[1:] if isinstance(self.anchors, Tensor) else ()
        _checks.samples(value, name, shape, least_rows=1)
        if value.ndim < 2 or value.numel() == 0:
            raise ShapeError(
                f"{name} must have shape (rows, ...) with values in it, got {tuple(value.shape)}; add them"
            )
        if value.dtype != self.anchors.dtype:
            raise DtypeError(
                f"{name} must be {self.anchors.dtype} like anchors, got {value.dtype}; convert one of them"
            )
        self._check_device(name, value)

    def _check_wider(self) -> None:
        if not isinstance(self.wider, tuple):
            raise DtypeError(f"wider must be a tuple of tensors, got {type(self.wider).__name__}; pass tuple(...)")
        for number, positives in enumerate(self.wider):
            self._check_observations(f"wider[{number}]", positives)
            _checks.same_rows(self.anchors, positives, "anchors", f"wider[{number}]")
        if self.wider and self.cells is not None:
            raise DomainError("wider positives cannot be drawn from cells, got both; leave one of them out")

    def _check_groups(self, groups: Tensor) -> None:
        if not isinstance(groups, Tensor) or groups.dtype != torch.int64:
            got = groups.dtype if isinstance(groups, Tensor) else type(groups).__name__
            raise DtypeError(f"groups must be an int64 tensor, got {got}; number the recordings 0, 1, 2, ...")
        if groups.shape != (self.num_pairs,):
            raise ShapeError(
                f"groups must have shape ({self.num_pairs},), got {tuple(groups.shape)}; pass one id a row"
            )
        self._check_device("groups", groups)

    def _check_cells(self, cells: Cells) -> None:
        if not isinstance(cells, Cells):
            raise DtypeError(f"cells must be a contrica Cells, got {type(cells).__name__}; see NeighbourhoodPairs")
        _checks.same_rows(cells.anchors, self.anchors, "cells", "anchors")
        for name, value in (("others", cells.others), ("shared", cells.shared)):
            if value is not None and value.shape[1:] != self.anchors.shape[1:]:
                raise ShapeError(
                    f"{name} must be observations of shape {tuple(self.anchors.shape[1:])}, got"
                    f" {tuple(value.shape[1:])}; take them from the same pool"
                )
        if self.groups is not None or self.negatives is not None:
            raise DomainError("cells say which rows are negatives, got groups or negatives too; leave those out")

    def _check_device(self, name: str, value: Tensor) -> None:
        if value.device != self.anchors.device:
            raise DomainError(f"{name} must lie on {self.anchors.device} like anchors, got {value.device}; use .to()")


@runtime_checkable
class PairSource(Protocol):
    """Whatever draws positive pairs: a simulation, given arrays, a recording.

    `draw` returns ``batch_size`` pairs that are independent of each other (or says with `PairBatch.groups` which are
    not), takes all its randomness from ``generator``, keeps no state between draws, and records no gradients. The same
    generator state gives the same batch.
    """

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` positive pairs."""
        ...
