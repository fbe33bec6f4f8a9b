"""Figures composed of sprite sheets of the Liberated Pixel Cup: images with nine exact factors.

A folder with ``body``, ``shoes``, ``bottomwear``, ``topwear``, ``eyes`` and ``hair``, in each a png per variant: tiles
of 64 x 64 pixels in 21 rows and 13 columns. Row 4 action + direction holds the frames of an action, seen from the back,
the left, the front or the right. A figure is the tiles of six parts in that order over a grey ground; part, action,
direction and frame are its factors. (lpc.opengameart.org, CC-BY-SA 3.0; parts as in Li and Mandt 2018, ICML.)

Not every factor shows in every image: there are no eyes from the back, and some poses are those of two actions.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica.datasets.location import recorded
from contrica.errors import DomainError, FileFormatError, MissingExtraError, ShapeError

NAME = "lpc_sprites"

PARTS = {"body": 7, "shoes": 3, "bottomwear": 6, "topwear": 6, "eyes": 5, "hair": 10}
"""Variants of each part, in the order in which they are laid over each other.

Of bottomwear and topwear there is a seventh sheet, number 5, which lacks an action.
"""

ACTIONS = ("spellcard", "thrust", "walk", "slash", "shoot")
DIRECTIONS = ("back", "left", "front", "right")
FRAMES = 6
"""Frames that every action has at least."""

FACTORS = (*PARTS, "action", "direction", "frame")
"""Names of the columns of factors."""

NUM_VALUES = (*PARTS.values(), len(ACTIONS), len(DIRECTIONS), FRAMES)
"""How many values each factor has."""

INCOMPLETE = {"bottomwear": 5, "topwear": 5}
"""Sheets that are left out."""

TILE = 64
SHEET = (21 * TILE, 13 * TILE)

GROUND = 0.5
"""Grey value of the ground, in [0, 1]."""


class Sprites:
    """Images from factors.

    Parameters
    ----------
    folder : Path, optional
        Holds the sheets; the folder of recorded data if not given.
    shrink : int
        Each image pixel is the mean of so many by so many pixels of the sheet, 1, 2 or 4.

    Raises
    ------
    UnreadableFileError
        If there is no such folder.
    FileFormatError
        If a sheet is missing, or no sheet.
    MissingExtraError
        If pillow, which reads them, is not installed.
    """

    def __init__(self, folder: Path | None = None, *, shrink: int = 1) -> None:
        """Read the sheets."""
        if shrink not in (1, 2, 4):
            raise DomainError(f"shrink must be 1, 2 or 4, got {shrink!r}; choose one of them")
        source = recorded(NAME) if folder is None else folder
        self.shrink = shrink
        self._layers = [_tiles(source, part, variants) for part, variants in PARTS.items()]

    @property
    def size(self) -> int:
        """Height and width of the images in pixels."""
        return TILE // self.shrink

    def images(self, factors: Tensor) -> Tensor:
        """Compose an image of each row of ``factors``.

        Parameters
        ----------
        factors : Tensor of shape (batch, 9), int64
            In the order of ``FACTORS``, each from 0 to below its entry of ``NUM_VALUES``.

        Returns
        -------
        Tensor of shape (batch, 3, size, size), float32
            Red, green and blue in [0, 1].

        Raises
        ------
        ShapeError, DomainError
            If they are no such rows.
        """
        if factors.ndim != 2 or factors.shape[1] != len(FACTORS) or factors.dtype != torch.int64:
            raise ShapeError(
                f"factors must be int64 of shape (batch, {len(FACTORS)}), got {factors.dtype} of shape"
                f" {tuple(factors.shape)}; pass one column per factor"
            )
        if bool((factors < 0).any()) or bool((factors >= torch.tensor(NUM_VALUES)).any()):
            raise DomainError(f"factors must lie between 0 and {NUM_VALUES}, got some that do not; count from 0")
        poses = (factors[:, -3] * len(DIRECTIONS) + factors[:, -2]) * FRAMES + factors[:, -1]
        images = torch.full((len(factors), 3, TILE, TILE), GROUND)
        for number, layer in enumerate(self._layers):
            tiles = layer[factors[:, number], poses].float() / 255.0
            images.lerp_(tiles[:, :3], tiles[:, 3:])
        return torch.nn.functional.avg_pool2d(images, self.shrink)


def draw_factors(num: int, *, generator: torch.Generator) -> Tensor:
    """Draw ``num`` rows of factors, all values being equally likely; int64 of shape (num, 9).

    >>> draw_factors(1000, generator=torch.Generator().manual_seed(0)).amax(0).tolist()
    [6, 2, 5, 5, 4, 9, 4, 3, 5]
    """
    return torch.stack([torch.randint(values, (num,), generator=generator) for values in NUM_VALUES], dim=1)


def _tiles(folder: Path, part: str, variants: int) -> Tensor:
    """Return the tiles of a part, of shape (variants, poses, 4, 64, 64), bytes."""
    numbers = [number for number in range(variants + 1) if number != INCOMPLETE.get(part, variants)]
    return torch.stack([_cut(_sheet(folder / part / f"{number}.png")) for number in numbers])


def _sheet(path: Path) -> npt.NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(
            "sprite sheets need pillow, which is not installed; pip install 'contrica[images]'"
        ) from error
    try:
        with Image.open(path) as image:
            if (image.height, image.width) != SHEET:
                raise ValueError(f"{image.width} x {image.height} pixels instead of {SHEET[1]} x {SHEET[0]}")
            return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileFormatError(f"{path} must be a sheet of sprites, and it is not ({error}); get it again") from error


def _cut(sheet: npt.NDArray[Any]) -> Tensor:
    rows, frames = len(ACTIONS) * len(DIRECTIONS), FRAMES
    kept = torch.from_numpy(sheet[: rows * TILE, : frames * TILE].copy())
    return kept.reshape(rows, TILE, frames, TILE, 4).permute(0, 2, 4, 1, 3).reshape(rows * frames, 4, TILE, TILE)
