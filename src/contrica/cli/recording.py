"""The rows that a command works on: a file of observations, and the files that say which of them are pairs.

All have one row per row of the first. Arrays that a pattern joined are trials of their own, which no pair leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.files import FileArray, ReaderProcess, read

WHERE = "A file, or an array in it: data.npy, data.npz:key, data.h5:group/array, table.csv:column,column."

File = Annotated[str, typer.Argument(metavar="FILE", help="The recording, one row per sample. " + WHERE)]
LabelFiles = Annotated[
    list[str] | None,
    typer.Option("--labels", help="Rows with near or equal labels are pairs; may be given several times."),
]
PositivesFile = Annotated[str | None, typer.Option("--positives", help="Row i of it and row i of FILE are a pair.")]
GroupsFile = Annotated[str | None, typer.Option("--groups", help="Which trial or session a row belongs to.")]
TimesFile = Annotated[str | None, typer.Option("--times", help="When a row was taken; a gap starts a new trial.")]
Transpose = Annotated[bool, typer.Option("--transpose", help="FILE has its samples along the last axis.")]

CONTINUOUS, DISCRETE = "continuous", "discrete"


@dataclass(frozen=True, eq=False)
class Recording:
    """Arrays as `ContrastiveICA.fit` takes them.

    Parameters
    ----------
    observations : array of shape (rows, ...)
    source : str
        The address they came from.
    labels : array of shape (rows, labels), optional
    label_kinds : tuple of str
        Of each column of ``labels``.
    positives, groups, times : arrays of as many rows, optional
    """

    observations: npt.NDArray[Any]
    source: str
    labels: npt.NDArray[np.float64] | None
    label_kinds: tuple[str, ...]
    positives: npt.NDArray[Any] | None
    groups: npt.NDArray[np.int64] | None
    times: npt.NDArray[Any] | None

    @property
    def pairing(self) -> dict[str, Any]:
        """Keyword arguments of fit and score that say what a pair is."""
        return {"y": self.labels, "X_pos": self.positives, "groups": self.groups, "times": self.times}


def observations_of(address: str, process: ReaderProcess, *, transpose: bool, least_rows: int = 2) -> FileArray:
    """Read rows to be encoded: numbers with at least two axes, one column if the file has one axis.

    Raises
    ------
    DtypeError, ShapeError
        If it is text, or has fewer rows.
    """
    found = read(address, transpose=transpose, process=process)
    if found.categories:
        raise DtypeError(f"{address} must hold numbers, and it holds text; give it as --labels")
    if len(found.values) < least_rows:
        raise ShapeError(
            f"{address} must have at least {least_rows} rows, and it has {len(found.values)}; if samples run along the"
            " last axis, pass --transpose"
        )
    return found


def recording(
    file: str,
    *,
    labels: Sequence[str] | None,
    positives: str | None,
    groups: str | None,
    times: str | None,
    transpose: bool,
    label_kinds: Sequence[str] | None = None,
) -> Recording:
    """Read all files of a command.

    Raises
    ------
    ShapeError
        If they differ in rows.
    DomainError
        If both labels and positives are given.
    """
    if labels and positives is not None:
        raise DomainError("pairs are made by --labels or by --positives, and both were given; leave one out")
    with ReaderProcess() as process:
        found = observations_of(file, process, transpose=transpose)
        rows = len(found.values)
        values = found.values[:, None] if found.values.ndim == 1 else found.values

        def beside(address: str, *, turned: bool = False) -> FileArray:
            other = read(address, transpose=turned, process=process)
            if len(other.values) != rows:
                raise ShapeError(
                    f"{address} must have one row per row of {file}, {rows}, and it has {len(other.values)}; pass"
                    " arrays of the same samples"
                )
            return other

        partners = None if positives is None else beside(positives, turned=transpose).values
        if partners is not None and partners.ndim == 1:
            partners = partners[:, None]
        table, kinds = _labels([beside(one) for one in labels or ()], labels or (), label_kinds or ())
        return Recording(
            observations=values,
            source=file,
            labels=table,
            label_kinds=kinds,
            positives=partners,
            groups=_groups(found, None if groups is None else beside(groups), groups or ""),
            times=None if times is None else _single(beside(times), times),
        )


def _labels(
    read_labels: Sequence[FileArray], addresses: Sequence[str], asked: Sequence[str]
) -> tuple[npt.NDArray[np.float64] | None, tuple[str, ...]]:
    """Return labels side by side, and their kinds: as asked, else text, booleans and whole numbers are discrete."""
    columns: list[npt.NDArray[np.float64]] = []
    kinds: list[str] = []
    texts, names = [], []
    for found, address in zip(read_labels, addresses, strict=True):
        if found.values.ndim > 2:
            raise ShapeError(f"{address} must have one or several columns, got shape {found.values.shape}; choose them")
        table = np.asarray(found.values, np.float64).reshape(len(found.values), -1)
        for number, column in enumerate(table.T):
            if not np.isfinite(column).all():
                bad = int(np.flatnonzero(~np.isfinite(column))[0])
                raise DomainError(
                    f"{address} must say one thing about each row, and row {bad} of its column {number} is empty or"
                    " infinite; drop or repair that row"
                )
            columns.append(column)
            whole = found.values.dtype.kind != "f" or (bool(found.columns) and bool((column == np.round(column)).all()))
            kinds.append(DISCRETE if whole else CONTINUOUS)
            texts.append(bool(found.categories))
            names.append(address)
    if asked and columns:
        wanted = [*asked] * len(columns) if len(asked) == 1 else [*asked]
        if len(wanted) != len(columns):
            raise ShapeError(f"--label-kinds must be one for all labels, or {len(columns)}, got {len(asked)}; pass all")
        for kind, is_text, address in zip(wanted, texts, names, strict=True):
            if kind == CONTINUOUS and is_text:
                raise DtypeError(f"{address} must hold numbers to be {CONTINUOUS}, and it holds text; say {DISCRETE}")
        kinds = wanted
    return (np.stack(columns, 1) if columns else None), tuple(kinds)


def _groups(found: FileArray, given: FileArray | None, address: str) -> npt.NDArray[np.int64] | None:
    """Return the group of each row: its part, where a pattern joined several, and what was given."""
    keys = []
    if found.parts:
        keys.append(np.repeat(np.arange(len(found.parts)), found.parts))
    if given is not None:
        values = _single(given, address)
        if not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DomainError(f"{address} must name a group for each row, and row {bad} is empty; drop or repair it")
        keys.append(np.unique(values, return_inverse=True)[1])
    if not keys:
        return None
    return np.unique(np.stack(keys, 1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _single(found: FileArray, address: str) -> npt.NDArray[Any]:
    """Return the one column of an array."""
    values = found.values
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ShapeError(f"{address} must be one column, and it has shape {values.shape}; choose one")
    return values
