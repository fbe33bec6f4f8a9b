"""A scalar network of the observations, for the critic's offsets alpha(x) and alpha~(x~).

It has hidden layers of its own, so that it competes with no code for features, and its last layer starts at zero: the
critic starts as if there were no offset.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.encoders.layers import NEGATIVE_SLOPE, leaky_gain, linear
from contrica.encoders.standardise import Standardise
from contrica.errors import ShapeError

LARGEST_SIDE = 16
"""Images are averaged down to this many pixels a side: an offset is a smooth function of what is seen."""


class ScalarNet(nn.Module):
    """One free number per observation.

    Parameters
    ----------
    in_shape : int or sequence of int
        Shape of one observation: columns, or (channels, height, width).
    widths : sequence of int, default (100, 100)
        Units of each hidden layer.
    generator : torch.Generator
        Source of all first parameters, and the device they lie on.

    Raises
    ------
    ShapeError, DomainError, DtypeError
        If ``in_shape`` is neither a vector nor an image, or a number is not positive and whole.

    Examples
    --------
    >>> offset = ScalarNet(5, generator=torch.Generator().manual_seed(0))
    >>> offset(torch.ones(3, 5))
    tensor([0., 0., 0.], grad_fn=<SqueezeBackward1>)
    """

    def __init__(
        self, in_shape: int | Sequence[int], *, widths: Sequence[int] = (100, 100), generator: torch.Generator
    ) -> None:
        """Draw the first parameters of the hidden layers."""
        super().__init__()
        _checks.generator(generator)
        shape = (in_shape,) if isinstance(in_shape, int) else tuple(in_shape)
        self.in_shape = tuple(_checks.count(length, "in_shape") for length in shape)
        if len(self.in_shape) not in (1, 3):
            raise ShapeError(f"in_shape must be (columns,) or (channels, height, width), got {shape}; reshape the data")
        self.pooled = (min(shape[1], LARGEST_SIDE), min(shape[2], LARGEST_SIDE)) if len(shape) == 3 else None
        sizes = [self.in_shape[0] * math.prod(self.pooled or ()), *(_checks.count(width, "widths") for width in widths)]
        if len(sizes) == 1:
            raise ShapeError("an offset needs at least one hidden layer, got no widths; pass some")
        self.standardise = Standardise(self.in_shape[0], device=generator.device)
        gain = leaky_gain(NEGATIVE_SLOPE)
        layers = [linear(here, there, gain=gain, generator=generator) for here, there in pairwise(sizes)]
        rectified: list[nn.Module] = [part for layer in layers for part in (layer, nn.LeakyReLU(NEGATIVE_SLOPE))]
        self.hidden = nn.Sequential(*rectified)
        self.last = linear(sizes[-1], 1, gain=0.0, generator=generator, bias=False)

    @torch.no_grad()
    def start_from(self, observations: Float[Tensor, "samples ..."]) -> None:
        """Standardise the inputs to these observations; what was learned so far keeps its weights.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If the observations do not fit, are not finite, or fewer than 2, or do not differ at all.
        """
        _checks.samples(observations, "observations", self.in_shape, least_rows=2)
        _checks.varied(observations, "observations")
        self.standardise.start_from(observations)

    def forward(self, observations: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
        """Return one number per observation, in nats."""
        _checks.samples(observations, "observations", self.in_shape)
        inputs = self.standardise(observations)
        if self.pooled is not None:
            inputs = F.adaptive_avg_pool2d(inputs, self.pooled).flatten(1)
        offsets: Tensor = self.last(self.hidden(inputs)).squeeze(1)
        return offsets
