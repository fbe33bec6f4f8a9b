"""A convolutional encoder of square images: strided 4 x 4 convolutions, then one linear map of all their features.

Each convolution halves height and width; the last map sees where a feature lies, so positions can be read off. As in
the vector encoder, codes that start nearly constant cost long plateaus: `start_from` standardises the colours and
starts the last map as the whitening of the features, so that codes start spread along the widest directions in which
images of this kind differ.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.encoders.layers import NEGATIVE_SLOPE, leaky_gain, linear, strided_convolution
from contrica.encoders.outputs import Output, fitting_output
from contrica.encoders.standardise import Standardise
from contrica.encoders.whitening import whitening
from contrica.errors import ShapeError


class Conv(nn.Module):
    """Encoder of images.

    Parameters
    ----------
    channels : int
        Colours per pixel.
    size : int
        Height and width in pixels, at least 8 and at least 2 to the power of ``len(widths)``.
    code_dim : int
        Columns of the codes.
    widths : sequence of int, default (16, 32, 64)
        Channels of each convolution.
    negative_slope : float, default 0.01
        Slope of the rectifiers below zero, in [0, 1).
    output : Output, optional
        Where the codes live; `Unbounded` by default.
    generator : torch.Generator
        Source of all first parameters, and the device they lie on.

    Raises
    ------
    DomainError, DtypeError, ShapeError
        For numbers that describe no network, images too small to be halved so often, and an ``output`` of another
        dimension than ``code_dim``.

    Notes
    -----
    The last map computes in at least float32 inside an autocast region too.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> images = torch.rand(20, 3, 32, 32, generator=generator)
    >>> encoder = Conv(3, 32, 2, generator=generator)
    >>> encoder.start_from(images)
    >>> encoder(images).shape
    torch.Size([20, 2])
    """

    def __init__(
        self,
        channels: int,
        size: int,
        code_dim: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        negative_slope: float = NEGATIVE_SLOPE,
        output: Output | None = None,
        generator: torch.Generator,
    ) -> None:
        """Draw the first parameters."""
        super().__init__()
        _checks.generator(generator)
        self.channels = _checks.count(channels, "channels")
        self.size = _checks.count(size, "size", least=8)
        self.code_dim = _checks.count(code_dim, "code_dim")
        self.output = fitting_output(output, self.code_dim)
        sizes = [self.channels, *(_checks.count(width, "widths") for width in widths)]
        halvings = len(sizes) - 1
        side = self.size >> halvings
        if halvings == 0 or side == 0:
            raise ShapeError(
                f"widths must name 1 to {self.size.bit_length() - 1} convolutions for images of {self.size} pixels,"
                f" got {halvings}; each halves the image"
            )
        self.standardise = Standardise(self.channels, device=generator.device)
        gain = leaky_gain(negative_slope)
        layers = [strided_convolution(here, there, gain=gain, generator=generator) for here, there in pairwise(sizes)]
        rectified: list[nn.Module] = [part for layer in layers for part in (layer, nn.LeakyReLU(negative_slope))]
        self.hidden = nn.Sequential(*rectified, nn.Flatten())
        self.last = linear(sizes[-1] * side**2, self.code_dim, gain=1.0, generator=generator, bias=False)

    @torch.no_grad()
    def start_from(self, observations: Float[Tensor, "samples channels size size"]) -> None:
        """Standardise the colours and start the last map as the whitening of the features of these images.

        Call it once, before training, with some hundred images: it overwrites the last map. Calling it twice with the
        same images changes nothing the second time.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If the images do not fit, are not finite, or fewer than 2, or do not differ at all.
        """
        _checks.samples(observations, "observations", (self.channels, self.size, self.size), least_rows=2)
        _checks.varied(observations, "observations")
        at_home = observations.to(self.standardise.centre)
        self.standardise.start_from(at_home)
        weight, bias = whitening(self.hidden(self.standardise(at_home)), self.code_dim)
        self.last.weight.copy_(weight)
        self.last.bias.copy_(bias)

    def forward(self, observations: Float[Tensor, "batch channels size size"]) -> Float[Tensor, "batch code_dim"]:
        """Encode ``observations`` image by image."""
        _checks.samples(observations, "observations", (self.channels, self.size, self.size))
        features = self.hidden(self.standardise(observations))
        with torch.autocast(observations.device.type, enabled=False):
            codes: Tensor = self.output(self.last(features.to(self.last.weight.dtype)))
        return codes
