"""A folder of images of one size, read by pillow in a process apart, in the order of their names.

Rows are images of shape (channels, height, width): 1 channel for grey, 3 for colour, 4 with transparency. Numbers in
names count as numbers, so 2.png comes before 10.png.
"""

import warnings
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from contrica.errors import FileFormatError, UnknownNameError
from contrica.files.arrays import ArrayInfo, Stream
from contrica.files.limits import LARGEST_ROW, brief, size
from contrica.files.names import in_order

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
"""What may be in a file, whatever its name says."""

MODES = {"1": "L", "L": "L", "LA": "RGBA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def contents(folder: Path) -> list[ArrayInfo]:
    """Describe the images as one array."""
    names = _names(folder, "")
    _, shape = _first(names[0])
    return [ArrayInfo("", (len(names), *shape), "uint8")]


def open_array(folder: Path, member: str) -> Stream:
    """Find the images whose names fit the pattern ``member``; all if it is empty.

    Raises
    ------
    FileFormatError
        If there is none, one is damaged or lies elsewhere, or they differ in size or kind.
    """
    names = _names(folder, member)
    mode, shape = _first(names[0])
    return Stream(np.dtype(np.uint8), shape, _images(names, mode, shape), num_rows=len(names))


def _names(folder: Path, pattern: str) -> list[Path]:
    home = folder.resolve()
    found = [entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES]
    if not found:
        raise FileFormatError(
            f"{folder} must hold images ({', '.join(sorted(SUFFIXES))}), and it has none; pass another"
        )
    chosen = [entry for entry in found if not pattern or fnmatchcase(entry.name, pattern)]
    if not chosen:
        raise UnknownNameError(f"{folder} has no image named {brief(pattern)!r}; it has {brief(found[0].name)}, ...")
    for entry in chosen:
        if not entry.resolve().is_relative_to(home) or not entry.is_file():
            raise FileFormatError(
                f"{folder} must hold its images itself, and {brief(entry.name)} is no file in it; copy the image there"
            )
    return sorted(chosen, key=lambda entry: in_order(entry.name))


def _first(path: Path) -> tuple[str, tuple[int, int, int]]:
    with _opened(path) as image:
        mode = _mode(image, path)
        return mode, (CHANNELS[mode], image.height, image.width)


def _opened(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise FileFormatError(f"{path} must be a smaller image ({brief(error)}); scale it down") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise _damaged(path, error) from error
    if image.width * image.height * len(image.getbands()) > LARGEST_ROW:
        raise FileFormatError(f"{path} must take at most {size(LARGEST_ROW)}, and it is {image.size}; scale it down")
    return image


def _mode(image: Any, path: Path) -> str:
    if image.mode not in MODES:
        raise FileFormatError(
            f"{path} must be grey or colour of 8 bits, and it is of kind {brief(image.mode)}; convert it"
        )
    return MODES[image.mode]


def _images(names: list[Path], mode: str, shape: tuple[int, int, int]) -> Iterator[npt.NDArray[np.uint8]]:
    for path in names:
        with _opened(path) as image:
            if _mode(image, path) != mode or (image.height, image.width) != shape[1:]:
                raise FileFormatError(
                    f"{path} must be like {names[0].name}, {mode} of {shape[2]} x {shape[1]}, and it is"
                    f" {_mode(image, path)} of {image.width} x {image.height}; make all images alike"
                )
            try:
                pixels = np.asarray(image.convert(mode), dtype=np.uint8)
            except (OSError, ValueError, SyntaxError, IndexError, MemoryError) as error:
                raise _damaged(path, error) from error
        yield pixels.reshape(1, *shape[1:], shape[0]).transpose(0, 3, 1, 2)


def _damaged(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"{path} must be an image ({', '.join(FORMATS)}), and it is none, or damaged ({brief(error)}); save it again"
    )
