"""Arrays into files: npy, npz, csv, tsv, parquet or HDF5, whole or not there, and never over a file unasked.

A file is written under a hidden name in the same folder, made durable, and renamed. Codes are written block by block,
so they may be more than fit into memory.
"""

import csv
import io
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from contrica._atomic import HIDDEN, make_renames_last, reason
from contrica.errors import ContricaError, DomainError, FileFormatError, MissingExtraError, OutputError

ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".h5")

Blocks = Iterable[npt.NDArray[Any]]


def ensure_writable(path: Path, *, overwrite: bool = False, endings: Sequence[str] = ENDINGS) -> None:
    """Raise unless a file with one of ``endings`` could be written to ``path`` now; leaves nothing behind.

    Raises
    ------
    FileFormatError
        If the ending is none that is written.
    OutputError
        If the file is there and ``overwrite`` is False, or the folder is not, or may not be written.
    MissingExtraError
        If a library of ``contrica[files]`` is needed.
    """
    if path.suffix.lower() not in endings:
        one_of = "one of " if len(endings) > 1 else ""
        raise FileFormatError(f"{path} must end in {one_of}{', '.join(endings)}; pass another --out")
    _library(path.suffix.lower(), path)
    try:
        if "\0" in str(path):
            raise ValueError("no name may hold a null character")
        if path.is_dir():
            raise OutputError(f"{path} must be a file, and it is a folder; pass another --out")
        if not overwrite and (path.exists() or path.is_symlink()):
            raise OutputError(f"{path} is there already; pass another --out, or --force to replace it")
        if not path.parent.is_dir():
            raise OutputError(f"{path} must lie in a folder that is there, and {path.parent} is not; make it first")
        with tempfile.TemporaryFile(dir=path.parent, prefix=HIDDEN):
            pass
    except ContricaError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} must be writable, and it is not ({reason(error)}); pass another --out") from error


def write_rows(
    path: Path, blocks: Blocks, *, num_rows: int, columns: Sequence[str], key: str = "codes", overwrite: bool = False
) -> None:
    """Write rows of numbers that come block by block.

    Parameters
    ----------
    path : Path
        Its ending says the format.
    blocks : iterable of array of shape (rows, columns)
    num_rows : int
        Of all blocks together.
    columns : sequence of str
        Names of the columns, for tables.
    key : str
        Name of the array, for archives.
    overwrite : bool

    Raises
    ------
    FileFormatError, OutputError, MissingExtraError
        As `ensure_writable`, or if the disk is full; nothing is left behind then.
    """
    ending = path.suffix.lower()
    with _whole(path, overwrite=overwrite) as file:
        if ending == ".npy":
            _write_npy(file, blocks, num_rows, len(columns))
        elif ending == ".npz":
            with zipfile.ZipFile(file, "w") as archive, archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                _write_npy(member, blocks, num_rows, len(columns))
        elif ending in (".csv", ".tsv"):
            _write_text(file, blocks, columns, "," if ending == ".csv" else "\t")
        elif ending == ".parquet":
            _write_parquet(file, blocks, columns)
        else:
            _write_hdf5(file, {key: np.concatenate(list(blocks))})


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a text as UTF-8.

    Raises
    ------
    OutputError
        As `write_rows`.
    """
    with _whole(path, overwrite=overwrite) as file:
        file.write(text.encode())


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], *, overwrite: bool = False) -> None:
    """Write several arrays of as many rows: under their names, or side by side as columns of a table.

    Raises
    ------
    FileFormatError, OutputError, MissingExtraError
        As `write_rows`.
    DomainError
        If the format holds one array only, or the arrays are no columns.
    """
    ending = path.suffix.lower()
    if ending == ".npy":
        raise DomainError(f"{path} can hold one array, and there are {', '.join(arrays)}; let it end in .npz")
    if ending in (".npz", ".h5"):
        with _whole(path, overwrite=overwrite) as file:
            if ending == ".npz":
                np.savez(file, allow_pickle=False, **arrays)
            else:
                _write_hdf5(file, arrays)
        return
    columns, parts = [], []
    for name, array in arrays.items():
        if array.ndim > 2:
            raise DomainError(f"{path} can hold columns, and {name} has shape {array.shape}; let it end in .npz")
        parts.append(array if array.ndim == 2 else array[:, None])
        width = parts[-1].shape[1]
        columns += [name] if array.ndim == 1 else [f"{name}_{number}" for number in range(width)]
    write_rows(path, [np.concatenate(parts, axis=1)], num_rows=len(parts[0]), columns=columns, overwrite=overwrite)


@contextmanager
def _whole(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Lend a file that takes its place at ``path`` when all is written, and goes if anything fails."""
    ensure_writable(path, overwrite=overwrite, endings=(path.suffix.lower(),))
    hidden = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=HIDDEN, suffix=path.suffix)
        hidden = Path(name)
        with open(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.chmod(0o666 & ~_umask())
        if overwrite:
            hidden.replace(path)
        else:
            _put_where_nothing_is(hidden, path)
        hidden = None
        make_renames_last(path.parent)
    except ContricaError:
        raise
    except OSError as error:
        raise OutputError(f"{path} could not be written ({reason(error)}); make room, or pass another --out") from error
    finally:
        if hidden is not None:
            hidden.unlink(missing_ok=True)


def _put_where_nothing_is(hidden: Path, path: Path) -> None:
    """Rename without replacing what another program may have put there meanwhile, where the disk can do that."""
    try:
        os.link(hidden, path)
    except FileExistsError as error:
        raise OutputError(f"{path} is there already; pass another --out, or --force to replace it") from error
    except OSError:
        hidden.replace(path)
    else:
        hidden.unlink()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _write_npy(file: Any, blocks: Blocks, num_rows: int, width: int) -> None:
    for number, block in enumerate(blocks):
        if number == 0:
            head = {"descr": block.dtype.str, "fortran_order": False, "shape": (num_rows, width)}
            np.lib.format.write_array_header_1_0(file, head)
        file.write(np.ascontiguousarray(block).data)


def _write_text(file: IO[bytes], blocks: Blocks, columns: Sequence[str], delimiter: str) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for block in blocks:
        writer.writerows([repr(number) for number in row] for row in _as_numbers(block))
    text.flush()
    text.detach()


def _as_numbers(block: npt.NDArray[Any]) -> list[list[float]]:
    """Return the numbers as Python's, float32 with no more digits than it has."""
    if block.dtype == np.float32:
        return [[float(str(number)) for number in row] for row in block]
    numbers: list[list[float]] = block.tolist()
    return numbers


def _write_parquet(file: IO[bytes], blocks: Blocks, columns: Sequence[str]) -> None:
    pa = _library(".parquet", Path())
    writer = None
    for block in blocks:
        table = pa.table({name: np.ascontiguousarray(block[:, number]) for number, name in enumerate(columns)})
        if writer is None:
            writer = pa.parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _write_hdf5(file: IO[bytes], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    h5py = _library(".h5", Path())
    with h5py.File(file, "w") as made:
        for name, array in arrays.items():
            made[name] = array


def _library(ending: str, path: Path) -> Any:
    """Import what writes files with this ending."""
    try:
        if ending == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet

            return pa
        if ending == ".h5":
            import h5py

            return h5py
    except ImportError as error:
        raise MissingExtraError(
            f"{path} needs {'pyarrow' if ending == '.parquet' else 'h5py'}, which is not installed; pip install"
            " 'contrica[files]'"
        ) from error
    return None
