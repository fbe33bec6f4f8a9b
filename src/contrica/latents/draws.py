"""Uniform and normal numbers in float64 on the CPU, from a generator on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor

SMALLEST_UNIFORM = 2.0**-53
"""The resolution of a uniform in float64; an inverse CDF at 0 could be infinite, at 2^-53 it is not."""


def uniforms(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return uniforms in [2^-53, 1)."""
    numbers = torch.rand(tuple(shape), generator=generator, dtype=torch.float64, device=generator.device)
    return numbers.clamp_min_(SMALLEST_UNIFORM).cpu()


def normals(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return independent standard normals."""
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64, device=generator.device).cpu()


def laplaces(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return independent Laplace numbers of mean absolute value 1."""
    signed = 2.0 * uniforms(shape, generator) - 1.0
    return -torch.log1p(-signed.abs().clamp_max(1.0 - SMALLEST_UNIFORM)) * signed.sign()
