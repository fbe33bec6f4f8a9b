"""HDF5 files, read by h5py in a process apart.

An array is named by its path, ``group/array``. One that lies in the file as it is in memory is mapped there; one in
chunks is unpacked once, chunk after chunk. What points out of the file (external links, external storage, virtual
arrays) is refused. In files of MATLAB axes are reversed, and an array of references is its entries, counted from 0.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from contrica.errors import FileFormatError
from contrica.files.arrays import ArrayInfo, Mapped, Stream
from contrica.files.categories import told_apart
from contrica.files.limits import BLOCK, LARGEST_ROW, MOST_ARRAYS, brief, plain, refuse_nonnumeric, refuse_unaccountable
from contrica.files.names import unknown

DEEPEST = 32
"""Groups within groups that are listed, and links that lead on to links."""

OUTSIDE = "must lie in the file itself, and it points to another file; copy it into this one"


def contents(path: Path, *, matlab: bool = False) -> list[ArrayInfo]:
    """List the arrays; ``matlab`` reverses axes and leaves out what MATLAB keeps for itself."""
    with h5py.File(path, "r") as file:
        listing = _Listing(str(path), matlab)
        listing.add_below(file, "", 0)
    return listing.found


def open_array(path: Path, member: str, *, matlab: bool = False) -> Mapped | Stream:
    """Find an array by its path; a file of one array needs none.

    Raises
    ------
    FileFormatError
        If it holds no numbers, points out of the file, or is larger than the file accounts for.
    UnknownNameError
        If there is no such path.
    """
    file = h5py.File(path, "r")
    if not member:
        listed = contents(path, matlab=matlab)
        if len(listed) != 1:
            raise unknown(path, member, (one.name for one in listed))
        member = listed[0].name
    where = f"{path}:{member}"
    array = _resolve(file, member, where)
    if not isinstance(array, h5py.Dataset) or _entries(array):
        names = [one.name for one in contents(path, matlab=matlab)]
        below = [name for name in names if name.startswith(f"{member.strip('/')}/")]
        raise unknown(path, member, below or names)
    stored = path.stat().st_size
    shape = _accepted(array, where, stored)
    if _is_text(array):
        return told_apart(_rows(array), where, shape[0])
    dtype = array.dtype
    if matlab:
        refuse_unaccountable(shape[::-1], dtype, where, stored=stored)
        return Stream(dtype, shape[-2::-1], _columns(array), num_rows=shape[-1])
    offset = array.id.get_offset()
    if offset is not None and array.chunks is None and file.userblock_size == 0 and dtype.kind in "fiu":
        return Mapped(path, int(offset), dtype, shape)
    return Stream(dtype, shape[1:], _rows(array), num_rows=shape[0])


class _Listing:
    """The arrays of a file; what can be reached in two ways is listed once."""

    def __init__(self, where: str, matlab: bool) -> None:
        self.found: list[ArrayInfo] = []
        self._where = where
        self._matlab = matlab
        self._seen: set[tuple[int, int]] = set()

    def add_below(self, group: Any, prefix: str, depth: int) -> None:
        """Add what is below ``group``."""
        place = h5py.h5o.get_info(group.id)
        if depth > DEEPEST or (place.fileno, place.addr) in self._seen:
            return
        self._seen.add((place.fileno, place.addr))
        for name in group:
            link = group.get(name, getlink=True)
            full = f"{prefix}{name}"
            if self._matlab and name.startswith("#"):
                continue
            if isinstance(link, h5py.ExternalLink):
                self.found.append(ArrayInfo(full, (), "a link", f"{self._where}:{brief(full)} {OUTSIDE}"))
            elif isinstance(link, h5py.HardLink):
                self._add(group[name], full, depth)
            if len(self.found) >= MOST_ARRAYS:
                return

    def _add(self, entry: Any, name: str, depth: int) -> None:
        if isinstance(entry, h5py.Group):
            self.add_below(entry, f"{name}/", depth + 1)
        elif isinstance(entry, h5py.Dataset):
            for number in range(_entries(entry)):
                if depth < DEEPEST and len(self.found) < MOST_ARRAYS:
                    inner = name if _entries(entry) == 1 else f"{name}/{number}"
                    self._add(_referred(entry, number), inner, depth + 1)
            if not _entries(entry):
                self.found.append(self._described(entry, name))

    def _described(self, array: Any, name: str) -> ArrayInfo:
        shape = tuple(array.shape or ())
        if self._matlab:
            shape = (array.size,) if len(shape) == 2 and 1 in shape else shape[::-1]
        holds = "text" if _is_text(array) else plain(array.dtype)
        try:
            _accepted(array, f"{self._where}:{brief(name)}", array.file.id.get_filesize())
        except FileFormatError as error:
            return ArrayInfo(name, shape, holds, str(error))
        return ArrayInfo(name, shape, holds)


def _resolve(file: Any, member: str, where: str) -> Any:
    """Follow ``member`` step by step, so that no link is followed out of the file."""
    entry, steps, followed = file, [step for step in member.split("/") if step], 0
    while True:
        if isinstance(entry, h5py.Dataset) and _entries(entry) == 1:
            entry, followed = _referred(entry, 0), followed + 1
        if followed > DEEPEST:
            raise FileFormatError(f"{where} must lead to an array, and its links go round; repair the file")
        if not steps:
            return entry
        step = steps.pop(0)
        if isinstance(entry, h5py.Dataset) and step.isdecimal() and int(step) < _entries(entry):
            entry = _referred(entry, int(step))
            continue
        link = entry.get(step, getlink=True) if isinstance(entry, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            raise FileFormatError(f"{where} {OUTSIDE}")
        if isinstance(link, h5py.SoftLink):
            followed += 1
            entry = file if link.path.startswith("/") else entry
            steps = [part for part in link.path.split("/") if part] + steps
        elif link is None:
            return None
        else:
            entry = entry[step]


def _entries(array: Any) -> int:
    """Return how many objects an array refers to, 0 if it holds something else."""
    refers = h5py.check_ref_dtype(array.dtype) is h5py.Reference
    return min(int(array.size or 0), MOST_ARRAYS) if refers else 0


def _referred(array: Any, number: int) -> Any:
    """Return the object that entry ``number`` refers to, in MATLAB's order."""
    return array.file[array[np.unravel_index(number, array.shape)]]


def _accepted(array: Any, where: str, stored: int) -> tuple[int, ...]:
    """Return the shape of an array of numbers, or of one axis of text, that lies in the file."""
    if array.is_virtual or array.id.get_create_plist().get_external_count():
        raise FileFormatError(f"{where} {OUTSIDE}")
    shape, dtype = tuple(array.shape or ()), array.dtype
    if _is_text(array):
        refuse_unaccountable(shape, np.dtype(np.int64), where, stored=stored)
        return shape
    if dtype.hasobject:
        raise FileFormatError(
            f"{where} must hold numbers, and it holds entries of varying length or kind; choose another array"
        )
    refuse_nonnumeric(dtype, where)
    refuse_unaccountable(shape, dtype, where, stored=stored)
    return shape


def _is_text(array: Any) -> bool:
    return h5py.check_string_dtype(array.dtype) is not None and len(array.shape or ()) == 1


def _rows(array: Any) -> Iterator[npt.NDArray[Any]]:
    """Yield blocks of rows, whole chunks where there are chunks."""
    step = _step(array, 0)
    for first in range(0, array.shape[0], step):
        yield array[first : first + step]


def _columns(array: Any) -> Iterator[npt.NDArray[Any]]:
    """Yield blocks along the last axis, axes reversed, as MATLAB counts them."""
    step = _step(array, -1)
    for first in range(0, array.shape[-1], step):
        yield array[..., first : first + step].transpose()


def _step(array: Any, axis: int) -> int:
    """Return how many entries of an axis to read at once: whole chunks, so that none is unpacked twice."""
    row = max(1, int(array.nbytes) // int(array.shape[axis]))
    step = max(1, BLOCK // row)
    if array.chunks is not None and array.chunks[axis] * row <= LARGEST_ROW:
        chunk = int(array.chunks[axis])
        step = max(chunk, step // chunk * chunk)
    return step
