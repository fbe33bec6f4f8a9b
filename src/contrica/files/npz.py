"""numpy's archive: a zip file of npy files, read by name and never unpacked onto the disk under that name.

A member that is stored uncompressed (`numpy.savez`) is mapped where it lies in the archive.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from contrica.errors import FileFormatError
from contrica.files import npy
from contrica.files.arrays import ArrayInfo, Mapped, Stream
from contrica.files.categories import is_text, told_apart
from contrica.files.limits import (
    BLOCK,
    IN_MEMORY,
    MOST_ARRAYS,
    brief,
    plain,
    refuse_unaccountable,
)
from contrica.files.names import unknown

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Signature and lengths of name and extra field, before the bytes of a member."""

ENCRYPTED = 0x1

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    RuntimeError,
    OverflowError,
)
"""What the standard library raises on an archive that makes no sense."""


def contents(path: Path) -> list[ArrayInfo]:
    """List the arrays of the archive."""
    with _archive(path) as archive:
        members = archive.infolist()[:MOST_ARRAYS]
        return [_described(archive, member, path) for member in members]


def open_array(path: Path, member: str) -> Mapped | Stream:
    """Find an array by its key; an archive of one array needs none.

    Raises
    ------
    FileFormatError
        If the archive or the member is damaged, encrypted, no array of numbers, or larger than its bytes account for.
    UnknownNameError
        If there is no such key.
    """
    where = f"{path}:{member}"
    with _archive(path) as archive:
        info = _member(archive, member, path)
        shape, fortran, dtype, head = _header(archive, info, where)
        refuse_unaccountable(shape, dtype, where, stored=info.compress_size)
        start = _start(path, info)
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if head + length != info.file_size:
        raise FileFormatError(
            f"{where} must hold {length} bytes of numbers after its head, and it holds {info.file_size - head}; it is"
            " damaged, save it again"
        )
    stored = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
    if stored and length > IN_MEMORY and not is_text(dtype, shape):
        return npy.whole(Mapped(path, start + head, dtype, shape, fortran), path.stat().st_size - start - head, where)
    if fortran and len(shape) > 1:
        flat = (length // dtype.itemsize,)
        numbers = _blocks(path, info.filename, flat, dtype, head, where)
        return Stream(dtype, (), numbers, num_rows=flat[0], fortran_shape=shape)
    blocks = _blocks(path, info.filename, shape, dtype, head, where)
    if is_text(dtype, shape):
        return told_apart(blocks, where, shape[0])
    return Stream(dtype, tuple(shape[1:]), blocks, num_rows=shape[0])


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except DAMAGED as error:
        raise FileFormatError(
            f"{path} must be an archive that numpy.savez wrote, and it is not ({brief(error)}); save it again"
        ) from error


def _described(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> ArrayInfo:
    name = member.filename.removesuffix(".npy")
    try:
        shape, _, dtype, _ = _header(archive, member, f"{path}:{brief(name)}")
        refuse_unaccountable(shape, dtype, f"{path}:{brief(name)}", stored=member.compress_size)
    except FileFormatError as error:
        return ArrayInfo(name, (), "no numbers", str(error))
    return ArrayInfo(name, tuple(shape), plain(dtype))


def _member(archive: zipfile.ZipFile, member: str, path: Path) -> zipfile.ZipInfo:
    found = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if not member and len(found) == 1:
        return next(iter(found.values()))
    if member not in found:
        raise unknown(path, member, found)
    return found[member]


def _header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str
) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, order, dtype and the length of the head."""
    if info.flag_bits & ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileFormatError(
            f"{where} must be stored or deflated, as numpy.savez does, and it is encrypted or packed otherwise; save it"
            " again"
        )
    try:
        with archive.open(info) as file:
            shape, fortran, dtype = npy.header(file, where)
            return shape, fortran, dtype, file.tell()
    except (FileFormatError, MemoryError):
        raise
    except DAMAGED as error:
        raise _damaged(where, error) from error


def _start(path: Path, info: zipfile.ZipInfo) -> int:
    """Return where in the archive the bytes of a member begin."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        _, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    return info.header_offset + LOCAL_HEADER.size + int(name) + int(extra)


def _blocks(
    path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], head: int, where: str
) -> Iterator[npt.NDArray[Any]]:
    row = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
    rows = max(1, BLOCK // max(1, row))
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            file.read(head)
            for first in range(0, shape[0], rows):
                count = min(rows, shape[0] - first)
                yield np.frombuffer(_exactly(file, count * row), dtype).reshape(count, *shape[1:])
            file.read(1)  # the end, where the checksum is compared
    except DAMAGED as error:
        raise _damaged(where, error) from error


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise EOFError(f"{count - len(data)} bytes are missing")
    return data


def _damaged(where: str, error: Exception) -> FileFormatError:
    return FileFormatError(f"{where} must be whole, and it is damaged ({brief(error)}); save it again")
