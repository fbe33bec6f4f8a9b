"""Files that are whole or not there: written under a hidden name, made durable, and then renamed into their place."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

HIDDEN = ".contrica-"
"""How unfinished files and folders begin; what a killed program left of them does not make a folder count as filled."""


def replace_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write ``contents``, by name, into ``folder``, over the files of those names.

    All are on the disk before the first takes its place, so a disk that is full changes nothing. They take their places
    in the order given, each for good before the next, so that the last one is the moment at which the change counts.

    Raises
    ------
    OSError
        If the folder cannot be written; unfinished files are removed.
    """
    with tempfile.TemporaryDirectory(prefix=HIDDEN, dir=folder, ignore_cleanup_errors=True) as hidden:
        for name, content in contents.items():
            _write(Path(hidden) / name, content)
        for name in contents:
            os.replace(Path(hidden) / name, folder / name)
            make_renames_last(folder)


def make_renames_last(folder: Path) -> None:
    """Make renames in ``folder`` last through a loss of power, where folders can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def reason(error: Exception) -> str:
    """Return why the system refused, in its own words and without paths.

    >>> reason(FileNotFoundError(2, "No such file or directory", "here"))
    'No such file or directory'
    """
    return getattr(error, "strerror", None) or str(error)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
