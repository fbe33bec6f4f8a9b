"""What a batch that was drawn from cells of a partition carries beside its pairs.

A cell R is a set of observations that was chosen without looking at which x~ belongs to which x. The candidates of an
anchor are all x~ of the pool in one cell, or some that were chosen without looking at the anchors: to leave out those
whose own x lies elsewhere would change the law of the candidates from p(x~) to p(x~) P(x in R|x~) and with it the
optimum.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DtypeError, ShapeError


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the pairs of a batch, and the candidates that are not positives of the batch.

    Attributes
    ----------
    anchors, positives : Tensor of shape (batch,), int64
        The cell whose candidates each x is contrasted with, and the cell of each x~.
    others : Tensor of shape (num_others, ...)
        Further x~ of those cells, which are no positives of the batch; may be empty.
    other_cells : Tensor of shape (num_others,), int64
        Their cells.
    shared : Tensor of shape (num_shared, ...), or None
        Independent draws of x~, from all cells; they stand for the x~ of the pool outside of an anchor's cell. None
        where every x~ lies in the cell of its anchor's candidates: the ratio is then learned within cells only.
    shared_cells : Tensor of shape (num_shared,), int64, or None
        Their cells.
    num_outside : Tensor of shape (batch,), int64, or None
        How many x~ of the pool lie outside of each anchor's cell, the own positive not counted.

    Raises
    ------
    ShapeError, DtypeError
        If ids are not int64 or not one per row, or only a part of the three last ones is given.
    """

    anchors: Tensor
    positives: Tensor
    others: Tensor
    other_cells: Tensor
    shared: Tensor | None = None
    shared_cells: Tensor | None = None
    num_outside: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse ids that do not fit the rows they number."""
        together = (self.shared, self.shared_cells, self.num_outside)
        if any(part is None for part in together) and not all(part is None for part in together):
            raise ShapeError(
                "shared, shared_cells and num_outside belong together, got a part of them; pass all or none"
            )
        rows = {"anchors": self.anchors, "positives": self.anchors, "other_cells": self.others}
        if self.shared is not None:
            rows |= {"shared_cells": self.shared, "num_outside": self.anchors}
        for name, like in rows.items():
            ids = getattr(self, name)
            if not isinstance(ids, Tensor) or ids.dtype != torch.int64 or ids.ndim != 1:
                got = f"{ids.dtype} of shape {tuple(ids.shape)}" if isinstance(ids, Tensor) else type(ids).__name__
                raise DtypeError(f"{name} must be an int64 tensor of one axis, got {got}; number cells 0, 1, 2, ...")
            _checks.same_rows(ids, like, name, "its rows")

    def to(self, device: torch.device) -> Self:
        """Return the cells on ``device``."""
        return type(self)(
            self.anchors.to(device),
            self.positives.to(device),
            self.others.to(device),
            self.other_cells.to(device),
            None if self.shared is None else self.shared.to(device),
            None if self.shared_cells is None else self.shared_cells.to(device),
            None if self.num_outside is None else self.num_outside.to(device),
        )
