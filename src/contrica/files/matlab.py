"""MATLAB files: version 5 by scipy, version 7.3, which is HDF5, by h5py, both in a process apart.

Fields of structures and cells are steps of a path, counted from 0 where there are several: ``trials/0/spikes``. An
array that is one row or one column becomes one axis.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from contrica.errors import FileFormatError
from contrica.files import hdf5
from contrica.files.arrays import ArrayInfo, Mapped, Stream
from contrica.files.limits import BLOCK, MOST_ARRAYS, brief, plain, refuse_nonnumeric, refuse_unaccountable
from contrica.files.names import unknown

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

HEAD = 512
"""Bytes that MATLAB writes before the HDF5 part of a file of version 7.3."""

DEEPEST = 16
"""Structures within structures that are listed."""


def contents(path: Path) -> list[ArrayInfo]:
    """List the arrays, those in structures and cells included."""
    if _is_hdf5(path):
        return hdf5.contents(path, matlab=True)
    found: list[ArrayInfo] = []
    for name, value in _variables(path).items():
        for place, array in _leaves(name, value, 0):
            if len(found) < MOST_ARRAYS:
                found.append(_described(array, place, path))
    return found


def open_array(path: Path, member: str) -> Mapped | Stream:
    """Find an array by its path; a file of one array needs none.

    Raises
    ------
    FileFormatError
        If it holds no numbers.
    UnknownNameError
        If there is no such path.
    """
    if _is_hdf5(path):
        found = hdf5.open_array(path, member, matlab=True)
        assert isinstance(found, Stream)
        return _one_axis(found)
    variables = _variables(path, member.split("/", maxsplit=1)[0] or None)
    leaves = dict(leaf for name, value in variables.items() for leaf in _leaves(name, value, 0))
    if not member and len(leaves) == 1:
        (member,) = leaves
    if member not in leaves:
        raise unknown(path, member, leaves or [one.name for one in contents(path)])
    array = _squeezed(leaves[member])
    where = f"{path}:{member}"
    refuse_nonnumeric(array.dtype, where)
    refuse_unaccountable(array.shape, array.dtype, where, stored=path.stat().st_size)
    row = max(1, array.nbytes // array.shape[0])
    step = max(1, BLOCK // row)
    blocks = (array[first : first + step] for first in range(0, len(array), step))
    return Stream(array.dtype, array.shape[1:], blocks, num_rows=len(array))


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(HEAD + len(HDF5_SIGNATURE))
    return HDF5_SIGNATURE in (head[: len(HDF5_SIGNATURE)], head[HEAD:])


def _variables(path: Path, name: str | None = None) -> dict[str, Any]:
    found = scipy.io.loadmat(str(path), appendmat=False, variable_names=None if name is None else [name])
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _leaves(place: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield every array under ``value`` with its path; a structure or cell of one entry takes no step."""
    if depth > DEEPEST or not isinstance(value, np.ndarray):
        return
    if value.dtype.names is None and value.dtype != object:
        yield place, value
        return
    entries = value.ravel(order="F")
    for number, entry in enumerate(entries[:MOST_ARRAYS]):
        inner = place if len(entries) == 1 else f"{place}/{number}"
        if value.dtype.names is None:
            yield from _leaves(inner, entry, depth + 1)
        else:
            for name in value.dtype.names:
                yield from _leaves(f"{inner}/{name}", entry[name], depth + 1)


def _described(array: Any, place: str, path: Path) -> ArrayInfo:
    where = f"{path}:{brief(place)}"
    array = _squeezed(array)
    try:
        refuse_nonnumeric(array.dtype, where)
        refuse_unaccountable(array.shape, array.dtype, where, stored=path.stat().st_size)
    except FileFormatError as error:
        return ArrayInfo(place, array.shape, plain(array.dtype), str(error))
    return ArrayInfo(place, array.shape, plain(array.dtype))


def _squeezed(array: Any) -> Any:
    return array.ravel() if array.ndim == 2 and 1 in array.shape and array.size > 1 else array


def _one_axis(found: Stream) -> Stream:
    """Return an array of one row or one column as one axis."""
    if len(found.row_shape) != 1 or found.num_rows is None or 1 not in (found.num_rows, *found.row_shape):
        return found
    length = found.num_rows * found.row_shape[0]
    return Stream(found.dtype, (), (block.ravel() for block in found.blocks), length)
