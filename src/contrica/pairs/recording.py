"""Observations of a recording, held where they are, of which only the drawn rows are ever copied.

Tensors, arrays and memory-mapped files alike: row r of the recording is the observation x_r.
"""

import math
import mmap
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica.errors import DomainError, DtypeError, ShapeError, UnreadableFileError

Observations: TypeAlias = Tensor | npt.NDArray[Any]
"""Rows of anything: a tensor, an array, or a np.memmap, of which a draw reads no more than its rows."""

LARGEST_ITEM = 8
"""Bytes of the widest floating number that a tensor holds."""

CHECKED_AT_ONCE = 1 << 20
"""Values converted together when a recording in memory is searched for NaN, so that the search needs little memory."""


class Recording:
    """Rows of observations, given out as floating tensors.

    Parameters
    ----------
    observations : Tensor or array of shape (rows, ...)
        Numbers. Floating dtypes are kept; integers and booleans are given out as float32.

    Raises
    ------
    ShapeError, DtypeError
        If it is no array of numbers with at least 2 rows and 2 axes.
    DomainError
        If a value is NaN or infinite. A file that is mapped into memory is not read for this: there the rows are
        looked at when they are drawn.

    Examples
    --------
    >>> Recording(np.array([[1, 2], [3, 4], [5, 6]])).take(torch.tensor([2, 0]))
    tensor([[5., 6.],
            [1., 2.]])
    """

    def __init__(self, observations: Observations) -> None:
        """Keep a reference; nothing is copied."""
        if not isinstance(observations, Tensor | np.ndarray):
            raise DtypeError(
                f"observations must be a tensor or an array, got {type(observations).__name__}; pass np.asarray(...)"
            )
        if observations.ndim < 2 or math.prod(observations.shape[1:]) == 0:
            raise ShapeError(
                f"observations must have shape (rows, ...) with values in each row, got {tuple(observations.shape)};"
                " pass observations[:, None] if a row is one number"
            )
        if len(observations) < 2:
            raise ShapeError(f"observations must have at least 2 rows, got {len(observations)}; pass more")
        _check_numbers(observations)
        self._observations = observations
        self._map = map_of(observations)
        if self._map is None:
            step = max(1, CHECKED_AT_ONCE // math.prod(observations.shape[1:]))
            for first in range(0, self.num_rows, step):
                _refuse_nonfinite(_floating(observations[first : first + step]), torch.arange(first, first + step))

    @property
    def num_rows(self) -> int:
        """How many observations there are."""
        return len(self._observations)

    @torch.no_grad()
    def take(self, rows: Tensor) -> Tensor:
        """Return copies of ``rows``, on the device of the recording.

        Raises
        ------
        DomainError
            If a drawn row of a mapped file is not finite.
        UnreadableFileError
            If that file was cut meanwhile.
        """
        if isinstance(self._observations, Tensor):
            return _floating(self._observations.detach()[rows.to(self._observations.device)])
        refuse_cut(self._map)
        taken = _floating(self._observations[rows.cpu().numpy()])
        if self._map is not None:
            _refuse_nonfinite(taken, rows)
        return taken


def _check_numbers(observations: Observations) -> None:
    if isinstance(observations, Tensor):
        sound = not observations.is_complex()
    else:
        sound = observations.dtype.kind in "iub" or (
            observations.dtype.kind == "f" and observations.dtype.itemsize <= LARGEST_ITEM
        )
    if not sound:
        raise DtypeError(
            f"observations must be real numbers of at most 64 bits, got {observations.dtype}; convert them"
        )


def _floating(values: Observations) -> Tensor:
    """Return ``values`` as a tensor of a floating dtype, the same one where it is floating."""
    if isinstance(values, Tensor):
        return values if values.is_floating_point() else values.float()
    kept = values.dtype.newbyteorder("=") if values.dtype.kind == "f" else np.dtype(np.float32)
    return torch.tensor(np.asarray(values).astype(kept, copy=False))


def _refuse_nonfinite(values: Tensor, rows: Tensor) -> None:
    finite = torch.isfinite(values)
    if not bool(finite.all()):
        bad = int(rows[int((~finite.flatten(1).all(1)).nonzero()[0])])
        raise DomainError(f"observations must be finite, got NaN or infinity in row {bad}; drop or repair those rows")


class FileMap(NamedTuple):
    """A file that is mapped into memory, and the bytes from its beginning that must be there."""

    map: mmap.mmap
    end: int


def map_of(observations: Observations) -> FileMap | None:
    """Return the map of the file that the values lie in, also where ``observations`` is a view of it; None if none."""
    base: object = observations
    start = 0
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            start = base.offset - base.offset % mmap.ALLOCATIONGRANULARITY
        base = base.base
    return FileMap(base, start + len(base)) if isinstance(base, mmap.mmap) else None


def refuse_cut(mapped: FileMap | None) -> None:
    """Raise UnreadableFileError if another program has cut the mapped file, whose missing bytes end whoever reads them.

    What it cuts between this and the reading ends the program all the same.
    """
    if mapped is not None and mapped.map.size() < mapped.end:
        raise UnreadableFileError(
            f"a mapped file must stay as it is while it is used, and {mapped.end - mapped.map.size()} bytes were cut"
            " from it; copy it to where no other program writes"
        )
