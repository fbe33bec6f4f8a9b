"""Two photographs that come with scikit-learn: no network, real pixels.

``flower.jpg`` looks different from everywhere; the sky of ``china.jpg`` looks alike from many places, so that what a
camera sees there does not determine where it looks.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from contrica.errors import UnknownNameError

NAMES = ("china.jpg", "flower.jpg")


def photograph(name: str) -> Float[Tensor, "channels height width"]:
    """Return a photograph as float32 in [0, 1], of shape (3, 427, 640); red, green, blue.

    Parameters
    ----------
    name : "china.jpg" or "flower.jpg"

    Raises
    ------
    UnknownNameError
        For any other name.
    ImportError
        If pillow, which decodes them, is not installed; it comes with ``contrica[images]``.

    >>> photograph("flower.jpg").shape
    torch.Size([3, 427, 640])
    """
    if name not in NAMES:
        raise UnknownNameError(f"there are photographs {' and '.join(NAMES)}, got {name!r}; choose one of them")
    from sklearn.datasets import load_sample_image

    pixels = torch.tensor(load_sample_image(name))
    return pixels.permute(2, 0, 1).contiguous().float() / 255.0
