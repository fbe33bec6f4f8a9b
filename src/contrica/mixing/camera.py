"""A camera over a picture: the latent is where it looks, the observation is what it sees.

    corner = position * (size - window),      pixel (i, j) = mean of the picture over its cell of the window

The picture is constant within each of its own pixels. The mean over a cell of k x k pixels is then linear in the
cell's position between whole pixels, so a box-blurred picture, interpolated bilinearly, is the exact area average.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError, ShapeError
from contrica.spaces import Box


class Camera(nn.Module):
    """Maps positions in the unit square to crops of a picture, continuously.

    Parameters
    ----------
    image : Tensor of shape (channels, height, width)
        The picture.
    window : int
        Side of the square that is seen, in pixels of the picture; less than its height and its width.
    shown : int
        Side of the observation in pixels; ``window`` must be a multiple of it.

    Raises
    ------
    DomainError
        If the window does not fit or is no multiple of ``shown``.
    ShapeError
        If the image has no three axes.

    Numerics: crops are exact area averages, piecewise linear in each coordinate of the position. They have the dtype of
    the image, and so have the coordinates: in float32 a position is resolved to 1e-4 pixels of a 1000-pixel picture.

    >>> ramp = torch.arange(12.0).expand(1, 12, 12)
    >>> Camera(ramp, window=4, shown=2)(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))[:, 0, 0]
    tensor([[ 0.5000,  2.5000],
            [ 8.5000, 10.5000]])
    """

    blurred: Tensor

    def __init__(self, image: Tensor, *, window: int = 160, shown: int = 32) -> None:
        super().__init__()
        if not isinstance(image, Tensor) or image.ndim != 3 or image.shape[0] == 0:
            got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
            raise ShapeError(f"image must be a tensor of shape (channels, height, width), got {got}; pass one picture")
        _checks.matrix(image.flatten(1), "image")
        self.window = _checks.count(window, "window")
        self.shown = _checks.count(shown, "shown")
        channels, height, width = image.shape
        if window >= min(height, width):
            raise DomainError(
                f"window must be smaller than the picture, {height} x {width}, got {window}; pass a smaller window"
            )
        if window % shown:
            raise DomainError(f"window must be a multiple of shown, got {window} and {shown}; pass e.g. {shown * 5}")
        self.space = Box(2)
        self.observation_shape = (channels, shown, shown)
        self.travel = (width - window, height - window)
        blurred = nn.functional.avg_pool2d(image[None], window // shown, stride=1)
        self.register_buffer("blurred", blurred)

    def forward(self, positions: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch channels shown shown"]:
        """Return the crops at these positions.

        Parameters
        ----------
        positions : Tensor of shape (batch, 2)
            Across (0 left, 1 right) and down (0 top, 1 bottom), each in [0, 1].

        Raises
        ------
        DomainError
            If a position lies outside of the unit square.
        """
        _checks.matrix(positions, "positions", columns=2)
        if not self.space.contains(positions).all():
            raise DomainError("positions must lie in the unit square, got some outside; scale them to [0, 1]")
        corners = positions.to(self.blurred.dtype).clamp(0.0, 1.0)
        cells = torch.arange(self.shown, dtype=corners.dtype, device=corners.device) * (self.window // self.shown)
        height, width = self.blurred.shape[-2:]
        # grid_sample counts from -1 at the first to 1 at the last node.
        across = (corners[:, :1] * self.travel[0] + cells) * (2.0 / (width - 1)) - 1.0
        down = (corners[:, 1:] * self.travel[1] + cells) * (2.0 / (height - 1)) - 1.0
        size = (len(positions), self.shown, self.shown)
        grid = torch.stack([across[:, None, :].expand(size), down[:, :, None].expand(size)], -1)
        crops = nn.functional.grid_sample(
            self.blurred, grid.reshape(1, -1, self.shown, 2), padding_mode="border", align_corners=True
        )
        return crops.reshape(-1, *size).transpose(0, 1).contiguous()
