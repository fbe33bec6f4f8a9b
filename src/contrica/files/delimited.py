"""Tables as text: csv, tsv and whatever parts its columns by commas, semicolons, tabs or blanks.

Numbers become float64, an empty cell or one of ``nan na n/a null none`` becomes NaN. The first line names the columns
unless all its cells are numbers other than 0, 1, 2, ..., which count as names where there are three or more. A first
column without a name, as pandas writes its index, is left out. Rows are read one after another, so a table may be
larger than memory.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from contrica.errors import FileFormatError, UnknownNameError
from contrica.files.arrays import ArrayInfo, Stream
from contrica.files.categories import Categories
from contrica.files.limits import BLOCK, brief

DELIMITERS = ("\t", ";", ",", " ")
"""The first of these that stands in the first line parts the cells."""

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})

LONGEST_LINE = 1 << 24
"""Characters of a line."""

LONGEST_RECORD = 1000
"""Lines that the quoted cells of one row may span."""

KINDS_FROM = 1000
"""Rows that tell whether a column is numbers or text."""

COUNTED = 1 << 26
"""Bytes up to which the rows of a table are counted for a listing."""

VALUES_AT_ONCE = BLOCK // 8


DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
"""A number as some languages write it."""


def contents(path: Path) -> list[ArrayInfo]:
    """List the columns."""
    with _opened(path) as file:
        table = _Table(file, path)
        rows = list(islice(table.rows(), KINDS_FROM))
        counted = path.stat().st_size <= COUNTED
        total = len(rows) + sum(1 for _ in table.rows()) if counted else None
    text = _text_columns(rows, len(table.columns))
    return [
        ArrayInfo(name, (total,), "text" if number in text else "float64") for number, name in enumerate(table.columns)
    ]


def open_array(path: Path, member: str) -> Stream:
    """Find columns by their names, parted by commas, with ``*`` for any letters; all columns if none is named.

    One column of text is given out as integers with their categories.

    Raises
    ------
    FileFormatError
        If the table is no text, has rows of unequal length, or holds text among numbers.
    UnknownNameError
        If there is no such column.
    """
    with _opened(path) as file:
        table = _Table(file, path)
        rows = list(islice(table.rows(), KINDS_FROM))
    if not rows:
        raise FileFormatError(f"{path} must have rows below its header, and it has none; save it again")
    chosen = choose(table.columns, member, path)
    names = tuple(table.columns[number] for number in chosen)
    unread = _text_columns(rows, len(table.columns))
    text = [number for number in chosen if number in unread]
    if text and len(chosen) == 1:
        categories = Categories(f"{path}:{names[0]}")
        return Stream(
            np.dtype(np.int64), (), _coded(path, chosen[0], categories), columns=names, categories=categories.texts
        )
    if text:
        example = next(row[text[0]] for row in rows if not _is_number(row[text[0]]))
        if DECIMAL_COMMA.fullmatch(example.strip()):
            raise FileFormatError(
                f"{path} must hold numbers with a decimal point, and column {brief(table.columns[text[0]])!r} holds"
                f" {brief(example, 30)!r}; save it again with points"
            )
        raise text_among_numbers(path, table.columns, table.columns[text[0]], f"such as {brief(example, 30)!r}")
    shape = (len(chosen),) if len(chosen) > 1 or not member else ()
    return Stream(np.dtype(np.float64), shape, _numbers(path, chosen, shape), columns=names)


def choose(columns: Sequence[str], member: str, path: Path) -> list[int]:
    """Return the numbers of the columns that ``member`` names.

    Raises
    ------
    UnknownNameError
        If a name fits none.
    """
    if not member:
        return [number for number, name in enumerate(columns) if number or name or len(columns) == 1]
    if member in columns:
        return [columns.index(member)]
    chosen: dict[int, None] = {}
    for word in member.split(","):
        fitting = [number for number, name in enumerate(columns) if name == word or fnmatchcase(name, word)]
        if not fitting:
            raise UnknownNameError(
                f"{path} has no column {brief(word)!r}; it has {brief(', '.join(columns), 200)}: choose among them"
            )
        chosen |= dict.fromkeys(fitting)
    return list(chosen)


def text_among_numbers(path: Path, columns: Sequence[str], column: str, holds: str) -> FileFormatError:
    """Return the refusal of a table of which a column is not numbers."""
    others = [name for name in columns if name != column]
    choice = f"{path.name}:{','.join(others)}"
    wanted = choice if others and len(choice) < 100 else f"{path.name}:COLUMN,COLUMN"
    return FileFormatError(
        f"{path} must hold numbers, and column {brief(column)!r} holds text {holds}; choose columns, as in {wanted}"
    )


class _Table:
    """Header and rows of an open table."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._path = path
        self._since_row = 0
        self._file = file
        first = self._line().removeprefix("#")
        delimiter = next((sign for sign in DELIMITERS if sign in first.strip()), ",")
        self._reader = csv.reader(self._lines(first), delimiter=delimiter, skipinitialspace=True, strict=True)
        head = next(self.rows(width=False), None)
        if head is None:
            raise FileFormatError(f"{path} must be a table, and it is empty; save it again")
        named = _names_columns(head)
        self.columns = _distinct([cell.strip() for cell in head] if named else [str(n) for n in range(len(head))])
        self._held = [] if named else [head]

    def rows(self, *, width: bool = True) -> Iterator[list[str]]:
        """Yield the rows that have not been read yet."""
        try:
            if width:
                yield from self._held
                self._held = []
            for row in self._reader:
                self._since_row = 0
                if not row:
                    continue
                if width and len(row) != len(self.columns):
                    if len(row) == len(self.columns) + 1 and not row[-1]:
                        row.pop()  # a delimiter at the end of the line
                    else:
                        raise FileFormatError(
                            f"{self._path} must have {len(self.columns)} cells in each row, and line"
                            f" {self._reader.line_num} has {len(row)}; repair that line"
                        )
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{self._path} must be a table of UTF-8 text, and it is not ({brief(error)}); save it again as csv"
            ) from error

    def _line(self) -> str:
        try:
            line = self._file.readline(LONGEST_LINE)
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"{self._path} must be a table of UTF-8 text, and it is not ({brief(error)}); save it again as csv"
            ) from error
        if len(line) >= LONGEST_LINE:
            raise FileFormatError(
                f"{self._path} must have lines of less than {LONGEST_LINE} characters, and one is longer; pass a table"
            )
        return line

    def _lines(self, first: str) -> Iterator[str]:
        line = first
        while line:
            self._since_row += 1
            if self._since_row > LONGEST_RECORD:
                raise FileFormatError(
                    f"{self._path} must close every quote, and one stays open for {LONGEST_RECORD} lines; repair it"
                )
            yield line
            line = self._line()


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _distinct(names: list[str]) -> list[str]:
    """Return names that are told apart: the second "x" becomes "x.1"."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        again = seen.get(name, 0)
        seen[name] = again + 1
        told.append(f"{name}.{again}" if again else name)
    return told


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in MISSING
    return True


def _names_columns(head: list[str]) -> bool:
    """Tell whether the first line is names: something else than numbers, or the numbers that pandas counts with."""
    counting = [str(number) for number in range(len(head))]
    counted = head == counting and len(head) > 2
    return counted or (head[0] == "" and head[1:] == counting[:-1]) or not all(map(_is_number, head))


def _text_columns(rows: list[list[str]], width: int) -> set[int]:
    return {number for number in range(width) if not all(_is_number(row[number]) for row in rows)}


def _numbers(path: Path, chosen: list[int], shape: tuple[int, ...]) -> Iterator[npt.NDArray[np.float64]]:
    at_once = max(1, VALUES_AT_ONCE // len(chosen))
    with _opened(path) as file:
        table = _Table(file, path)
        rows = table.rows()
        everything = chosen == list(range(len(table.columns)))
        while True:
            block = [row if everything else [row[n] for n in chosen] for row in islice(rows, at_once)]
            if not block:
                return
            yield _converted(block, [table.columns[n] for n in chosen], path, table.columns).reshape(-1, *shape)


def _converted(block: list[list[str]], names: list[str], path: Path, columns: Sequence[str]) -> npt.NDArray[np.float64]:
    try:
        return np.array(block, dtype=np.float64)
    except ValueError:
        pass
    values = np.empty((len(block), len(names)))
    for number, row in enumerate(block):
        for column, cell in enumerate(row):
            if not _is_number(cell):
                raise text_among_numbers(path, columns, names[column], f"such as {brief(cell, 30)!r}")
            values[number, column] = np.nan if cell.strip().lower() in MISSING else float(cell)
    return values


def _coded(path: Path, column: int, categories: Categories) -> Iterator[npt.NDArray[np.int64]]:
    with _opened(path) as file:
        rows = _Table(file, path).rows()
        while True:
            block = [row[column].strip() for row in islice(rows, VALUES_AT_ONCE)]
            if not block:
                return
            yield categories.codes(block)
