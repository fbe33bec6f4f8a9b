"""What a file holds, how it arrives, and what a reader gives out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ArrayInfo:
    """An array, a column of a table, or a folder of images, as a listing names it.

    Parameters
    ----------
    name : str
        What follows the colon in an address; empty where the file is one array.
    shape : tuple of (int or None)
        Rows first; None where only reading tells.
    holds : str
        A dtype, or a word for what is no number.
    refusal : str
        Why it cannot be read, one sentence; empty if it can.
    """

    name: str
    shape: tuple[int | None, ...]
    holds: str
    refusal: str = ""


@dataclass(frozen=True)
class Mapped:
    """An array that lies in a file as it is in memory."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool = False


@dataclass(frozen=True)
class Stream:
    """An array that is unpacked block by block.

    ``categories`` is complete when the last block has come: the distinct texts that the integers stand for. Numbers in
    Fortran order come one by one, and ``fortran_shape`` is that of the array.
    """

    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]
    blocks: Iterator[npt.NDArray[Any]]
    num_rows: int | None = None
    columns: tuple[str, ...] = ()
    categories: list[str] = field(default_factory=list)
    fortran_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class FileArray:
    """An array that was read.

    Parameters
    ----------
    values : array of shape (rows, ...)
        Numbers in the byte order of this machine; a `numpy.memmap`, to be read only, where they are many.
    columns : tuple of str
        Names of the columns, for tables.
    categories : tuple of str
        Where a column of text was read: ``values`` holds integers, and text k is ``categories[k]``.
    parts : tuple of int
        Rows of each array, where a pattern joined several.
    """

    values: npt.NDArray[Any]
    columns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
