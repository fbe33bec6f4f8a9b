"""numpy's own format, one array per file, mapped into memory as it lies.

Header: magic, version, length, and a literal of dtype, order and shape
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Pickled objects are refused unread.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from contrica.errors import FileFormatError, UnknownNameError
from contrica.files.arrays import ArrayInfo, Mapped, Stream
from contrica.files.categories import is_text, told_apart
from contrica.files.limits import BLOCK, brief, plain, refuse_nonnumeric, refuse_unaccountable

MAGIC = b"\x93NUMPY"

LENGTHS = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
"""Bytes that say how long the literal is, by the version of the format."""

LONGEST_HEADER = 10_000
"""Bytes of the literal; that of an array of numbers takes about a hundred."""

ENTRY = re.compile(
    r"""\s*['"](?P<key>descr|fortran_order|shape)['"]\s*:\s*"""
    r"""(?:['"](?P<descr>[^'"]*)['"]|(?P<order>True|False)|\((?P<shape>[\d,\sL]*)\)|(?P<records>\[.*\]))\s*(?:,|$)""",
    re.DOTALL,
)

DTYPE = re.compile(r"[<>|=]?([fiubcSUVOmM]\d{0,9}|\?)(\[\w{1,10}\])?")


def header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order (True for Fortran's) and dtype from the head of ``file``.

    The literal is read by its form and never evaluated.

    Raises
    ------
    FileFormatError
        If it is no such header, or not that of numbers.
    """
    try:
        shape, fortran, dtype = _parsed(_literal(file))
    except (ValueError, TypeError, OverflowError) as error:
        raise FileFormatError(
            f"{where} must be an array that numpy.save wrote, and its head is not ({brief(error)}); save it again"
        ) from error
    if not is_text(dtype, shape):
        refuse_nonnumeric(dtype, where)
    return shape, fortran, dtype


def _literal(file: IO[bytes]) -> str:
    """Read the text between magic and numbers."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin with the magic of such files")
    version = tuple(file.read(2))
    if version not in LENGTHS:
        raise ValueError(f"there is no version {version}")
    length = int.from_bytes(file.read(LENGTHS[version]), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"it would be {length} bytes long")
    text = file.read(length)
    if len(text) < length:
        raise ValueError("it is cut short")
    return text.decode("utf-8" if version == (3, 0) else "latin-1")


def _parsed(literal: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    text = literal.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError("it is no dictionary")
    text, place, found = text[1:-1].strip(), 0, {}
    while place < len(text):
        entry = ENTRY.match(text, place)
        if entry is None:
            raise ValueError(f"it says {brief(text[place:], 40)!r}")
        found[entry["key"]] = entry
        place = entry.end()
    if set(found) != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"it has the entries {', '.join(sorted(found)) or 'none'}")
    descr, order, shape = found["descr"], found["fortran_order"]["order"], found["shape"]["shape"]
    if order is None or shape is None or (descr["descr"] is None and descr["records"] is None):
        raise ValueError("its entries are of other kinds")
    if descr["descr"] is None:
        return _lengths(shape), order == "True", np.dtype("V1")
    if not DTYPE.fullmatch(descr["descr"]):
        raise ValueError(f"it says dtype {brief(descr['descr'], 40)!r}")
    return _lengths(shape), order == "True", np.dtype(descr["descr"])


def _lengths(shape: str) -> tuple[int, ...]:
    return tuple(int(length.strip().removesuffix("L")) for length in shape.split(",") if length.strip())


def contents(path: Path) -> list[ArrayInfo]:
    """List the one array of the file."""
    try:
        with path.open("rb") as file:
            shape, _, dtype = header(file, str(path))
        open_array(path, "")
    except FileFormatError as error:
        return [ArrayInfo("", (), "no numbers", str(error))]
    return [ArrayInfo("", shape, plain(dtype))]


def open_array(path: Path, member: str) -> Mapped | Stream:
    """Find the array in the file; one axis of text is given out as integers with their categories.

    Raises
    ------
    FileFormatError
        If the file is no npy file, holds no numbers, or is shorter than its header says.
    """
    if member:
        raise UnknownNameError(f"{path} is one array, got {brief(member)!r} after the colon; leave that out")
    with path.open("rb") as file:
        shape, fortran, dtype = header(file, str(path))
        offset = file.tell()
        present = file.seek(0, 2) - offset
    found = whole(Mapped(path, offset, dtype, shape, fortran), present, str(path))
    if is_text(dtype, shape):
        return told_apart(blocks(np.memmap(path, dtype, "r", offset, shape)), str(path), shape[0])
    return found


def blocks(rows: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Yield copies of a few rows at a time."""
    step = max(1, BLOCK // max(1, rows.nbytes // max(1, len(rows))))
    for first in range(0, len(rows), step):
        yield np.array(rows[first : first + step])


def whole(found: Mapped, present: int, where: str) -> Mapped:
    """Return ``found`` if the ``present`` bytes after its head are as many as it needs.

    Raises
    ------
    FileFormatError
        If they are fewer.
    """
    refuse_unaccountable(found.shape, found.dtype, where, stored=present)
    needed = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
    if needed > present:
        raise FileFormatError(
            f"{where} must hold {needed} bytes of numbers after its head, and it holds {present}; it is cut short, copy"
            " it again"
        )
    return found
