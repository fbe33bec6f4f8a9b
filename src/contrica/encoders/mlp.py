"""A multilayer perceptron beside a linear skip connection, for observations that are vectors.

codes = output( A z + B h(z) ),  z = (x - centre) / spread, h: hidden layers with leaky rectifiers.

Codes that start nearly constant are the normal failure of contrastive training: latents are then found one at a time,
with long plateaus between. With the skip A started as the whitening of the observations, and B at a tenth of its usual
size, training starts from codes that are spread in every direction.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.encoders.layers import NEGATIVE_SLOPE, leaky_gain, linear
from contrica.encoders.outputs import Output, fitting_output
from contrica.encoders.standardise import Standardise
from contrica.encoders.whitening import whitening
from contrica.errors import ShapeError

BRANCH_SHARE = 0.1
"""Size at which the hidden layers start beside a linear skip, relative to codes of unit variance."""


class MLP(nn.Module):
    """Encoder of vectors.

    Parameters
    ----------
    in_dim : int
        Columns of the observations.
    code_dim : int
        Columns of the codes.
    widths : sequence of int, default (256, 256, 256)
        Units of each hidden layer; empty with ``linear_skip`` for an affine encoder.
    negative_slope : float, default 0.01
        Slope of the rectifiers below zero, in [0, 1).
    linear_skip : bool, default True
        Put the skip connection beside the hidden layers.
    output : Output, optional
        Where the codes live; `Unbounded` by default.
    generator : torch.Generator
        Source of all first parameters, and the device they lie on.

    Raises
    ------
    DomainError, DtypeError, ShapeError
        For numbers that describe no network, and an ``output`` of another dimension than ``code_dim``.

    Notes
    -----
    The skip and the last layer compute in at least float32 inside an autocast region too: codes of eight bits could
    not tell a pair from its neighbours.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> observations = torch.randn(100, 5, generator=generator)
    >>> encoder = MLP(5, 2, generator=generator)
    >>> encoder.start_from(observations)
    >>> encoder(observations).shape
    torch.Size([100, 2])
    """

    def __init__(
        self,
        in_dim: int,
        code_dim: int,
        *,
        widths: Sequence[int] = (256, 256, 256),
        negative_slope: float = NEGATIVE_SLOPE,
        linear_skip: bool = True,
        output: Output | None = None,
        generator: torch.Generator,
    ) -> None:
        """Draw the first parameters."""
        super().__init__()
        _checks.generator(generator)
        self.in_dim = _checks.count(in_dim, "in_dim")
        self.code_dim = _checks.count(code_dim, "code_dim")
        self.output = fitting_output(output, self.code_dim)
        sizes = [self.in_dim, *(_checks.count(width, "widths") for width in widths)]
        if len(sizes) == 1 and not linear_skip:
            raise ShapeError("an encoder needs a hidden layer or a linear skip, got neither; pass widths")
        self.standardise = Standardise(self.in_dim, device=generator.device)
        gain = leaky_gain(negative_slope)
        hidden = [linear(width, next_width, gain=gain, generator=generator) for width, next_width in pairwise(sizes)]
        rectified: list[nn.Module] = [part for layer in hidden for part in (layer, nn.LeakyReLU(negative_slope))]
        self.hidden = nn.Sequential(*rectified)
        share = BRANCH_SHARE if linear_skip else 1.0
        self.last = linear(sizes[-1], self.code_dim, gain=share, generator=generator, bias=False) if hidden else None
        self.skip = (
            linear(self.in_dim, self.code_dim, gain=1.0, generator=generator, bias=False) if linear_skip else None
        )

    @torch.no_grad()
    def start_from(self, observations: Float[Tensor, "samples in_dim"]) -> None:
        """Start the raw codes spread: standardise the input, and set a linear map to a whitening.

        With a linear skip, the skip becomes the whitening of the observations; without one, the last layer becomes
        the whitening of the hidden features. Call it once, before training: it overwrites those parameters, and
        calling it twice with the same observations changes nothing the second time.

        Parameters
        ----------
        observations : Tensor of shape (samples, in_dim)
            A few times ``in_dim`` rows suffice. If they span fewer than ``code_dim`` directions, the surplus codes
            start from the hidden layers alone.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If the observations do not fit, are not finite, or fewer than 2, or do not differ at all.
        """
        _checks.samples(observations, "observations", (self.in_dim,), least_rows=2)
        _checks.varied(observations, "observations")
        at_home = observations.to(self.standardise.centre)
        self.standardise.start_from(at_home)
        features = self.standardise(at_home)
        start = self.skip
        if start is None:
            features, start = self.hidden(features), self.last
        if start is not None:
            weight, bias = whitening(features, self.code_dim)
            start.weight.copy_(weight)
            start.bias.copy_(bias)

    def forward(self, observations: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch code_dim"]:
        """Encode ``observations`` row by row."""
        _checks.samples(observations, "observations", (self.in_dim,))
        inputs = self.standardise(observations)
        features = self.hidden(inputs)
        with torch.autocast(observations.device.type, enabled=False):
            parts = []
            if self.last is not None:
                parts.append(self.last(features.to(self.last.weight.dtype)))
            if self.skip is not None:
                parts.append(self.skip(inputs))
            codes: Tensor = self.output(sum(parts[1:], parts[0]))
        return codes
