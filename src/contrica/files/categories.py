"""Texts told apart by integers, numbered as they come."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica.errors import FileFormatError
from contrica.files.arrays import Stream
from contrica.files.limits import LONGEST_TEXT, MOST_CATEGORIES, brief


def is_text(dtype: np.dtype[Any], shape: Sequence[int]) -> bool:
    """Tell whether an array is one axis of texts that can be labels."""
    return dtype.kind in "US" and len(shape) == 1 and 0 < dtype.itemsize <= 4 * LONGEST_TEXT


def told_apart(blocks: Iterable[npt.NDArray[Any]], where: str, num_rows: int) -> Stream:
    """Return texts as integers with their categories."""
    categories = Categories(where)

    def codes() -> Iterator[npt.NDArray[np.int64]]:
        for block in blocks:
            try:
                texts = block.tolist()
            except (ValueError, SystemError) as error:
                raise FileFormatError(
                    f"{where} must hold text, and some of it is none ({brief(error)}); it is damaged, save it again"
                ) from error
            yield categories.codes(map(_decoded, texts))

    return Stream(np.dtype(np.int64), (), codes(), num_rows, categories=categories.texts)


def _decoded(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


class Categories:
    """The distinct texts of a column.

    Examples
    --------
    >>> seen = Categories("table.csv:action")
    >>> seen.codes(["walk", "run", "walk"])
    array([0, 1, 0])
    >>> seen.texts
    ['walk', 'run']
    """

    def __init__(self, where: str) -> None:
        """Start with none; ``where`` is what an error calls the column."""
        self.texts: list[str] = []
        self._where = where
        self._numbers: dict[str, int] = {}

    def codes(self, texts: Iterable[str]) -> npt.NDArray[np.int64]:
        """Return the number of each text, a new one for a text that has not been seen.

        Raises
        ------
        FileFormatError
            If there are too many, or one is too long to be a label.
        """
        return np.array([self._code(text) for text in texts], dtype=np.int64)

    def _code(self, text: str) -> int:
        code = self._numbers.get(text)
        if code is None:
            if len(self.texts) >= MOST_CATEGORIES or len(text) > LONGEST_TEXT:
                raise FileFormatError(
                    f"{self._where} must have at most {MOST_CATEGORIES} different texts of at most {LONGEST_TEXT}"
                    f" characters, and it has more, such as {brief(text, 30)!r}; choose a column of labels"
                )
            code = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return code
