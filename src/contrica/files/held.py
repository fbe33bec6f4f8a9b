"""Where an array is held that came block by block: in memory if it is small, else in a nameless file, mapped.

The file lies where large temporary files belong (TMPDIR, else /var/tmp, else the system's own place) and is gone when
the array is, also if the program is killed.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica.errors import OutputError
from contrica.files.arrays import Stream
from contrica.files.limits import IN_MEMORY, kept, size

LARGE_FILES = Path("/var/tmp")


def held(stream: Stream, where: str) -> npt.NDArray[Any]:
    """Return the array, of shape (rows, *row_shape).

    Raises
    ------
    OutputError
        If it is to lie on the disk and there is no room.
    """
    dtype = kept(stream.dtype)
    row = int(np.prod(stream.row_shape, dtype=np.int64)) * dtype.itemsize
    if stream.num_rows is not None and stream.num_rows * row > IN_MEMORY:
        return _mapped(stream.blocks, dtype, stream.row_shape, where, needed=stream.num_rows * row)
    blocks: list[npt.NDArray[Any]] = []
    total = 0
    for block in stream.blocks:
        blocks.append(block.astype(dtype, copy=False))
        total += block.nbytes
        if total > IN_MEMORY:
            return _mapped(_chained(blocks, stream.blocks), dtype, stream.row_shape, where, needed=2 * total)
    return np.concatenate(blocks) if blocks else np.empty((0, *stream.row_shape), dtype)


def room() -> Path:
    """Return the folder for large temporary files."""
    if "TMPDIR" not in os.environ and LARGE_FILES.is_dir() and os.access(LARGE_FILES, os.W_OK):
        return LARGE_FILES
    return Path(tempfile.gettempdir())


def _chained(first: list[npt.NDArray[Any]], rest: Iterable[npt.NDArray[Any]]) -> Iterable[npt.NDArray[Any]]:
    while first:
        yield first.pop(0)
    yield from rest


def _mapped(
    blocks: Iterable[npt.NDArray[Any]], dtype: np.dtype[Any], row_shape: tuple[int, ...], where: str, *, needed: int
) -> npt.NDArray[Any]:
    folder = room()
    try:
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise OSError(f"{size(free)} are free")
        with tempfile.TemporaryFile(dir=folder, prefix=".contrica-") as file:
            rows = 0
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype=dtype).data)
                rows += len(block)
            file.flush()
            return np.memmap(file, dtype, mode="r", shape=(rows, *row_shape))
    except OSError as error:
        raise OutputError(
            f"{where} must be unpacked into {folder}, which needs {size(needed)} there, and there is no room"
            f" ({getattr(error, 'strerror', None) or error}); set TMPDIR to a folder with room"
        ) from error
