"""The folder of a model: where a fit may leave it, how it is opened, and what the fit found, beside it."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy.typing as npt
import torch
import typer

from contrica._atomic import HIDDEN, reason, replace_files
from contrica.errors import DomainError, OutputError, RecordError, ShapeError
from contrica.estimator import ContrastiveICA
from contrica.files.limits import brief
from contrica.saving import read_manifest
from contrica.saving.folder import is_unwritten
from contrica.saving.model import KIND as MODEL

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that contrica fit left.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]

SUMMARY = "fit.json"
"""What a fit found, as JSON."""

LARGEST_SUMMARY = 1 << 26


def ensure_free(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a model could be written to ``folder`` now; leaves nothing behind."""
    try:
        if "\0" in str(folder):
            raise ValueError("no name may hold a null character")
        if folder.exists() or folder.is_symlink():
            if not folder.is_dir():
                raise OutputError(f"{folder} must be a folder, and it is a file; pass another --out")
            if not is_unwritten(folder):
                _ensure_replaceable(folder, overwrite=overwrite)
        place = folder
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place, prefix=HIDDEN):
            pass
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder} must be writable, and it is not ({reason(error)}); pass another --out") from error


def _ensure_replaceable(folder: Path, *, overwrite: bool) -> None:
    if not overwrite:
        raise OutputError(
            f"{folder} must be empty or new, and it holds files already; pass another --out, or --force to replace the"
            " model in it"
        )
    try:
        kind = read_manifest(folder).kind
    except RecordError as error:
        raise OutputError(
            f"{folder} must be new, empty or a sound model, and it holds other files ({error})"
        ) from error
    if kind != MODEL:
        raise OutputError(f"{folder} must be new, empty or a model, and it holds a {kind}; pass another --out")


def keep(model: ContrastiveICA, folder: Path, summary: dict[str, Any]) -> None:
    """Write the model, and beside it what the fit found.

    Raises
    ------
    OutputError
        If the folder holds something else, or the disk is full; a model that was there before is intact then.
    """
    model.save(folder)
    try:
        replace_files(folder, {SUMMARY: (json.dumps(summary, allow_nan=False, indent=1) + "\n").encode()})
    except OSError as error:
        raise OutputError(f"{folder} holds the model, but {SUMMARY} could not be written ({reason(error)})") from error


def opened(folder: Path, device: str) -> ContrastiveICA:
    """Open the model in ``folder``.

    Raises
    ------
    RecordError
        If there is none, or it is damaged, newer or foreign.
    """
    ensure_device(device)
    found: ContrastiveICA = ContrastiveICA.load(folder, device=device)
    return found


def ensure_device(name: str) -> None:
    """Raise DomainError unless torch can compute on the device of that name."""
    try:
        if name != "auto":
            float(torch.ones(1, device=name))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise DomainError(
            f"--device must be auto or one that is here, got {name!r} ({brief(error)}); pass cpu"
        ) from error


def ensure_as_in_fit(model: ContrastiveICA, rows: npt.NDArray[Any], source: str) -> None:
    """Raise ShapeError unless ``rows`` have as many columns as those of the fit."""
    if rows.shape[1] != model.n_features_in_:
        raise ShapeError(
            f"{source} must have {model.n_features_in_} columns, as in the fit, and it has {rows.shape[1]}; choose the"
            " same columns, or pass --transpose if samples run along the last axis"
        )


def summary(folder: Path) -> dict[str, Any]:
    """Return what the fit found that left ``folder``.

    Raises
    ------
    RecordError
        If it is not there or damaged.
    """
    path = folder / SUMMARY
    try:
        if path.stat().st_size > LARGEST_SUMMARY:
            raise ValueError("it is too large")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path} must say what a fit found, and it does not ({reason(error)}); fit again") from error
    return found
