"""The folder of a model: where a fit may leave it, how it is opened, and what the fit found, beside it."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from contrica._atomic import HIDDEN, reason, replace_files
from contrica.errors import OutputError, RecordError
from contrica.estimator import ContrastiveICA

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
            if not overwrite and any(not entry.name.startswith(HIDDEN) for entry in folder.iterdir()):
                raise OutputError(
                    f"{folder} must be empty or new, and it holds files already; pass another --out, or --force to"
                    " replace the model in it"
                )
        place = folder
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place, prefix=HIDDEN):
            pass
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder} must be writable, and it is not ({reason(error)}); pass another --out") from error


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
    found: ContrastiveICA = ContrastiveICA.load(folder, device=device)
    return found


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
