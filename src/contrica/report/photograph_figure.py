"""The photograph with window centres drawn on it: true ones as dots, and a line from each to the recovered one."""

import base64
import io
from collections.abc import Sequence

import torch
from torch import Tensor

from contrica.datasets.photographs import photograph
from contrica.errors import ContricaError
from contrica.report.outcome import Outcome, Window
from contrica.report.svg import element, figure

SHOWN_POSITIONS = 150
"""More lines than this hide the picture."""

JPEG_QUALITY = 82


def photograph_of(outcome: Outcome) -> str:
    """Draw the picture; return nothing for other mixings, or where the picture cannot be loaded."""
    if outcome.window is None or not outcome.factors or len(outcome.factors[0]) != 2:
        return ""
    try:
        picture = photograph(outcome.window.image)
        url = _data_url(picture)
    except (ContricaError, ImportError):
        return ""
    height, width = picture.shape[-2:]
    title = f"The photograph {outcome.window.image} with true window positions and lines to the recovered ones"
    return figure(
        width,
        height,
        title,
        element("image", href=url, width=width, height=height),
        *_lines(outcome.factors[:SHOWN_POSITIONS], outcome.recovered[:SHOWN_POSITIONS], outcome.window, width, height),
    )


def _lines(
    factors: Sequence[Sequence[float]], recovered: Sequence[Sequence[float]], window: Window, width: int, height: int
) -> list[str]:
    true = [_centre(position, window, width, height) for position in factors]
    found = [_centre(position, window, width, height) for position in recovered]
    pairs = list(zip(true, found, strict=True))
    path = "".join(f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" for (x, y), (u, v) in pairs)
    x, y = true[0]
    half = window.side / 2
    return [
        element("path", class_="error-casing", d=path),
        element("path", class_="error", d=path),
        *(element("circle", class_="true-position", cx=x, cy=y, r=3.2) for x, y in true),
        element("rect", class_="window", x=x - half, y=y - half, width=window.side, height=window.side),
    ]


def _centre(position: Sequence[float], window: Window, width: int, height: int) -> tuple[float, float]:
    """Return the middle of the window, in pixels of the photograph, as `mixing.Camera` places it."""
    return (
        window.side / 2 + position[0] * (width - window.side),
        window.side / 2 + position[1] * (height - window.side),
    )


def _data_url(picture: Tensor) -> str:
    from PIL import Image

    pixels = (picture.detach().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
