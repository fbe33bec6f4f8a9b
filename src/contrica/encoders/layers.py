"""Linear and convolution layers whose first parameters come from an explicit generator.

Weights are uniform with variance gain^2 / fan_in, so that inputs of unit mean square give outputs of mean square
gain^2 (He et al. 2015, arXiv 1502.01852, with gain^2 = 2 / (1 + slope^2) before a leaky rectifier). Biases of hidden
layers are uniform within 1 / sqrt(fan_in): kinks that all pass through the origin serve low-dimensional data badly.
"""

import math

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError

NEGATIVE_SLOPE = 0.01
"""Slope of the leaky rectifier below zero."""


def leaky_gain(negative_slope: float) -> float:
    """Return the gain that keeps the mean square of a layer followed by a leaky rectifier.

    Raises
    ------
    DomainError, DtypeError
        If ``negative_slope`` is not a number in [0, 1).
    """
    if not 0.0 <= _checks.finite(negative_slope, "negative_slope") < 1.0:
        raise DomainError(f"negative_slope must lie in [0, 1), got {negative_slope}; pass a small one such as 0.01")
    return math.sqrt(2.0 / (1.0 + negative_slope**2))


def linear(in_dim: int, out_dim: int, *, gain: float, generator: torch.Generator, bias: bool = True) -> nn.Linear:
    """Return a linear layer on the generator's device; ``bias`` False starts the bias at zero."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, in_dim, out_dim, device=generator.device)
    _fill(layer.weight, layer.bias if bias else None, in_dim, gain, generator)
    if not bias:
        nn.init.zeros_(layer.bias)
    return layer


def strided_convolution(in_channels: int, out_channels: int, *, gain: float, generator: torch.Generator) -> nn.Conv2d:
    """Return a 4 x 4 convolution that halves height and width, on the generator's device."""
    layer: nn.Conv2d = nn.utils.skip_init(
        nn.Conv2d, in_channels, out_channels, 4, stride=2, padding=1, device=generator.device
    )
    _fill(layer.weight, layer.bias, 16 * in_channels, gain, generator)
    return layer


@torch.no_grad()
def _fill(weight: Tensor, bias: Tensor | None, fan_in: int, gain: float, generator: torch.Generator) -> None:
    bound = gain * math.sqrt(3.0 / fan_in)
    weight.uniform_(-bound, bound, generator=generator)
    if bias is not None:
        bias.uniform_(-1.0 / math.sqrt(fan_in), 1.0 / math.sqrt(fan_in), generator=generator)
