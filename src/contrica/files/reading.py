"""Arrays from files, by their address: which format it is, how it is read, and several arrays as one.

The ending of a name decides the format, and what is in the file must be of that format.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica.errors import ContricaError, FileFormatError, UnreadableFileError
from contrica.files import delimited, npy, npz
from contrica.files.address import Address
from contrica.files.apart import ReaderProcess
from contrica.files.arrays import ArrayInfo, FileArray, Mapped, Stream
from contrica.files.held import held
from contrica.files.limits import BLOCK, brief, kept, refuse_nonnumeric
from contrica.files.names import PATTERN, fits, in_order, unknown

HERE = {"npy": npy, "npz": npz, "delimited": delimited}
"""Formats that Python and numpy read in this process."""

ENDINGS = {
    ".npy": "npy",
    ".npz": "npz",
    ".csv": "delimited",
    ".tsv": "delimited",
    ".txt": "delimited",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".nwb": "hdf5",
    ".mat": "matlab",
}

TITLES = {
    "npy": "numpy array",
    "npz": "numpy archive",
    "delimited": "table as text",
    "parquet": "parquet table",
    "hdf5": "HDF5 file",
    "matlab": "MATLAB file",
    "images": "folder of images",
}

TABLES = ("delimited", "parquet")
"""Formats of columns side by side."""


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Parameters
    ----------
    path : Path
    title : str
        The format, in words.
    arrays : tuple of ArrayInfo
        Its arrays, or the columns of a table.
    is_table : bool
    """

    path: Path
    title: str
    arrays: tuple[ArrayInfo, ...]
    is_table: bool


def contents(path: str | Path, *, process: ReaderProcess | None = None) -> Contents:
    """List what is in a file or a folder of images, without reading it whole where the format allows.

    Raises
    ------
    UnreadableFileError
        If it is not there, or not to be opened.
    FileFormatError
        If it is damaged or of no format that is read.
    MissingExtraError
        If a library of ``contrica[files]`` is needed.
    """
    address = Address.parse(str(path))
    kind = _format(address.path)
    with _reading(address.path, process) as reader:
        listed = _listed(kind, address.path, reader)
    return Contents(address.path, TITLES[kind], tuple(listed), kind in TABLES)


def read(address: str | Path, *, transpose: bool = False, process: ReaderProcess | None = None) -> FileArray:
    """Read an array of numbers from a file.

    Arrays of up to 256 MiB are read into memory. Larger ones are mapped: in the file where it holds them as they are
    (npy, uncompressed npz, HDF5 without chunks), else in a nameless temporary file into which they are unpacked once.

    Parameters
    ----------
    address : str or Path
        ``file.npy``, ``file.npz:key``, ``file.h5:group/array``, ``file.mat:name``, ``table.csv:column,column``,
        ``folder`` or ``folder:*.png``. A ``*`` in the name of an array joins all that fit, in the order of their
        names, end to end.
    transpose : bool
        Whether each array has its samples along the last axis.
    process : ReaderProcess, optional
        Reads the formats of libraries in C; one of its own is started if not given.

    Returns
    -------
    FileArray

    Raises
    ------
    UnreadableFileError
        If the file is not there, or not to be opened.
    FileFormatError
        If it is damaged, no format that is read, or holds no numbers.
    UnknownNameError
        If it does not hold what follows the colon.
    MissingExtraError
        If a library of ``contrica[files]`` is needed.
    OutputError
        If there is no room to unpack it.
    """
    found = Address.parse(str(address))
    kind = _format(found.path)
    with _reading(found.path, process) as reader:
        if kind not in TABLES and kind != "images" and PATTERN & set(found.member):
            return _joined(kind, found, transpose, reader)
        return _turned(_read(kind, found, reader), transpose)


def _listed(kind: str, path: Path, reader: ReaderProcess) -> list[ArrayInfo]:
    return HERE[kind].contents(path) if kind in HERE else reader.contents(kind, path)


def _read(kind: str, address: Address, reader: ReaderProcess) -> FileArray:
    opened = (
        HERE[kind].open_array(address.path, address.member)
        if kind in HERE
        else reader.open_array(kind, address.path, address.member)
    )
    if isinstance(opened, Mapped):
        return FileArray(_mapped(opened, str(address)))
    values = held(opened, str(address))
    if opened.fortran_shape is not None:
        values = values.reshape(opened.fortran_shape, order="F")
    return FileArray(values, opened.columns, tuple(opened.categories))


def _mapped(found: Mapped, where: str) -> npt.NDArray[Any]:
    lying = np.memmap(found.path, found.dtype, "r", found.offset, found.shape, order="F" if found.fortran else "C")
    if lying.nbytes > BLOCK and kept(found.dtype) == found.dtype:
        return lying
    return held(Stream(found.dtype, found.shape[1:], npy.blocks(lying), len(lying)), where)


def _turned(found: FileArray, transpose: bool) -> FileArray:
    return replace(found, values=found.values.transpose()) if transpose else found


def _joined(kind: str, address: Address, transpose: bool, reader: ReaderProcess) -> FileArray:
    listed = _listed(kind, address.path, reader)
    names = sorted((one.name for one in listed if fits(one.name, address.member)), key=in_order)
    if not names:
        raise unknown(address.path, address.member, (one.name for one in listed))
    parts = [_turned(_read(kind, Address(address.path, name), reader), transpose).values for name in names]
    for name, part in zip(names, parts, strict=True):
        if part.shape[1:] != parts[0].shape[1:]:
            raise FileFormatError(
                f"{address} must name arrays of equal rows, and {brief(name)} has rows of shape {part.shape[1:]},"
                f" {brief(names[0])} of {parts[0].shape[1:]}; name one of them"
            )
    dtype = np.result_type(*parts)
    refuse_nonnumeric(dtype, str(address))
    rows = sum(map(len, parts))
    joined = held(Stream(dtype, parts[0].shape[1:], chain.from_iterable(map(npy.blocks, parts)), rows), str(address))
    return FileArray(joined, parts=tuple(map(len, parts)))


def _format(path: Path) -> str:
    if path.is_dir():
        return "images"
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise FileFormatError(
            f"{path} must end in one of {', '.join(ENDINGS)}, or be a folder of images, and it ends in"
            f" {brief(path.suffix) or 'nothing'}; save it as one of these"
        )
    return kind


@contextmanager
def _reading(path: Path, process: ReaderProcess | None) -> Iterator[ReaderProcess]:
    """Lend a process, and turn what the system says about a file into an error of ours."""
    try:
        with nullcontext(process) if process is not None else ReaderProcess() as reader:
            yield reader
    except OSError as error:
        if isinstance(error, ContricaError):
            raise
        raise UnreadableFileError(
            f"{path} must be readable, and the system says: {error.strerror or error}; pass another file"
        ) from error
