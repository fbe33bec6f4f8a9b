"""Addresses of arrays: ``file.npy``, ``file.h5:group/array``, ``table.csv:speed,position``.

A colon parts the file from what is in it. A file whose own name has a colon is found, too, if it exists.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from contrica.errors import UnreadableFileError


@dataclass(frozen=True)
class Address:
    """A file or a folder, and the array meant in it.

    Parameters
    ----------
    path : Path
    member : str
        Key, path or columns; empty for the file itself.
    """

    path: Path
    member: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Split ``text`` at the colon after which no file of that name exists any more.

        Raises
        ------
        UnreadableFileError
            If there is no such file or folder, or if it is a device, a pipe, or not to be read.
        """
        try:
            for end in [len(text), *(place for place in range(len(text) - 1, 0, -1) if text[place] == ":")]:
                path = Path(text[:end])
                if text[:end] and path.exists():
                    return cls(_readable(path), text[end + 1 :])
        except UnreadableFileError:
            raise
        except (OSError, ValueError) as error:
            raise UnreadableFileError(
                f"{text!r} must be a file, and it cannot be opened ({getattr(error, 'strerror', None) or error}); pass"
                " the path of a file"
            ) from error
        start = text.split(":", maxsplit=1)[0] if ":" in text[2:] else text
        raise UnreadableFileError(
            f"{start!r} must be a file or a folder, and there is none; pass a path such as data.npy, or"
            " data.h5:group/array"
        )

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)


def _readable(path: Path) -> Path:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UnreadableFileError(
            f"{str(path)!r} must be a file or a folder, and it is a pipe or a device; save it as a file first"
        )
    if not os.access(path, os.R_OK):
        raise UnreadableFileError(f"{str(path)!r} must be readable, and you may not read it; ask for permission")
    return path
