"""Where recorded data lies that is not part of the package: in the folder that an environment variable names."""

import os
from pathlib import Path

from contrica.errors import UnreadableFileError

VARIABLE = "CONTRICA_DATA"
"""The environment variable that names the folder."""


def recorded(name: str) -> Path:
    """Return the path of the file or folder ``name`` in the folder of recorded data.

    Raises
    ------
    UnreadableFileError
        If the variable names no folder, or the folder does not hold it.
    """
    folder = os.environ.get(VARIABLE, "")
    if not folder or not Path(folder).is_dir():
        got = f"{folder!r}, which is none" if folder else "nothing"
        raise UnreadableFileError(
            f"{name} is recorded data that does not come with contrica, and {VARIABLE} must name the folder that holds"
            f" it, got {got}; set it to that folder"
        )
    path = Path(folder) / name
    if not path.exists():
        raise UnreadableFileError(
            f"{name} must lie in the folder that {VARIABLE} names, and {folder} does not hold it; put it there"
        )
    return path
