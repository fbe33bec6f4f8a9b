"""What a file may ask of the machine that reads it: numbers only, sizes it can account for, memory within bounds.

A header is a claim. Before a byte is set aside for it, the claim is compared with the bytes that stand in the file:
declared <= max(256 MiB, 200 * stored). Deflate reaches 1032, and data worth training on stay far below 200.
"""

import math
from collections.abc import Sequence

import numpy as np

from contrica.errors import FileFormatError

IN_MEMORY = 1 << 28
"""Bytes up to which an array is held in memory; above, it lies on the disk and is mapped."""

FREELY = 1 << 28
"""Bytes that a file may unpack to, however small it is."""

LARGEST_RATIO = 200
"""Bytes unpacked per byte stored, above what is granted freely."""

LARGEST_ROW = 1 << 28
"""Bytes of one row, the least that is read at once."""

BLOCK = 1 << 22
"""Bytes that are read at once where rows are smaller."""

MOST_ARRAYS = 10_000
"""Arrays of a file that are listed."""

MOST_CATEGORIES = 100_000
"""Distinct texts of a column that are told apart."""

LONGEST_TEXT = 1000
"""Characters of a text that are told apart."""

WIDEST_NUMBER = 8
"""Bytes of the widest number that a tensor holds."""

MOST_AXES = 8
"""Axes of an array; rows of images have four."""


def refuse_nonnumeric(dtype: np.dtype[np.generic], where: str) -> None:
    """Raise FileFormatError unless ``dtype`` is real numbers of at most 64 bits, or booleans.

    >>> refuse_nonnumeric(np.dtype("c16"), "data.npy")
    Traceback (most recent call last):
    contrica.errors.FileFormatError: data.npy must hold real numbers, and it holds complex ones; save real and ...
    """
    if dtype.hasobject:
        raise FileFormatError(
            f"{where} must hold numbers, and it holds Python objects, which could run code when they are read; save it"
            " again as an array of numbers"
        )
    if dtype.kind == "c":
        raise FileFormatError(
            f"{where} must hold real numbers, and it holds complex ones; save real and imaginary part as columns"
        )
    if dtype.kind not in "fiub" or dtype.itemsize > WIDEST_NUMBER or dtype.subdtype is not None:
        raise FileFormatError(
            f"{where} must hold numbers of at most 64 bits, and it holds {plain(dtype)}; save it again as numbers"
        )


def refuse_unaccountable(shape: Sequence[int], dtype: np.dtype[np.generic], where: str, *, stored: int) -> None:
    """Raise FileFormatError unless ``shape`` is that of rows, and ``stored`` bytes can account for them."""
    if not all(isinstance(length, (int, np.integer)) and length >= 0 for length in shape) or len(shape) > MOST_AXES:
        raise FileFormatError(
            f"{where} must have at most {MOST_AXES} axes of lengths from 0, and its header says {brief(shape)}; it is"
            " damaged"
        )
    if not shape:
        raise FileFormatError(f"{where} must have rows, and it is a single number; choose another array")
    if not all(shape):
        raise FileFormatError(
            f"{where} must hold numbers, and it is empty, of shape {tuple(shape)}; choose another array"
        )
    row = math.prod(map(int, shape[1:])) * dtype.itemsize
    if row > LARGEST_ROW:
        raise FileFormatError(
            f"{where} must have rows of at most {size(LARGEST_ROW)}, and its header says {size(row)}; the first axis"
            " must be the samples"
        )
    declared = int(shape[0]) * row
    if declared > max(FREELY, LARGEST_RATIO * stored):
        raise FileFormatError(
            f"{where} must not unpack to more than {LARGEST_RATIO} times its size, and {size(stored)} in the file claim"
            f" to be {size(declared)}; if you trust it, save it again without compression"
        )


def kept(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the dtype in which an array of ``dtype`` is given out: that of this machine, float16 as float32.

    >>> kept(np.dtype(">f8")), kept(np.dtype("<f2"))
    (dtype('float64'), dtype('float32'))
    """
    return np.dtype(np.float32) if dtype == np.float16 else dtype.newbyteorder("=")


def plain(dtype: np.dtype[np.generic]) -> str:
    """Return what a dtype holds, in a word.

    >>> plain(np.dtype("<U4")), plain(np.dtype("<M8[s]")), plain(np.dtype("<f4"))
    ('text', 'dates', 'float32')
    """
    words = {"U": "text", "S": "text", "M": "dates", "m": "time spans", "V": "records", "O": "objects"}
    return words.get(dtype.kind, dtype.name)


def size(count: int) -> str:
    """Return a number of bytes as people say it.

    >>> size(512), size(3 << 20), size(1 << 31)
    ('512 bytes', '3.0 MiB', '2.0 GiB')
    """
    if count < 1 << 10:
        return f"{count} bytes"
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f} {unit}" if count < 1 << 60 else "more than a million TiB"
    raise AssertionError(count)


def brief(value: object, longest: int = 80) -> str:
    """Return ``value`` on one line, cut to a length that fits a sentence, without signs that move a terminal.

    >>> brief("two" + chr(10) + "lines")
    'two lines'
    """
    words = " ".join(str(value)[: 4 * longest].split())
    text = "".join(sign if sign.isprintable() else "?" for sign in words)
    return text if len(text) <= longest else text[: longest - 3] + "..."
