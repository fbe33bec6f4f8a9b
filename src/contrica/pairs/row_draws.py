"""Uniform draws of rows: independent ones, each below its own limit, and subsets without a repeat."""

import torch
from jaxtyping import Int
from torch import Tensor

LARGEST = 1 << 62
"""Integers are drawn below this and reduced modulo the limit, which favours none by more than limit / 2^62."""


def below(limits: Int[Tensor, " draws"], generator: torch.Generator) -> Int[Tensor, " draws"]:
    """Return one integer of 0, ..., limit - 1 for each limit, on the CPU."""
    drawn = torch.randint(LARGEST, limits.shape, generator=generator, device=generator.device)
    return drawn.cpu() % limits


def random_subset(population: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw a uniform subset of ``range(population)``, in time of the subset where that is the smaller half."""
    if 2 * size > population:
        return torch.randperm(population, generator=generator, device=generator.device)[:size]
    subset = torch.empty(0, dtype=torch.int64, device=generator.device)
    while subset.numel() < size:  # drawing one by one and skipping repeats gives every subset the same chance
        missing = (size - subset.numel(),)
        fresh = torch.randint(population, missing, generator=generator, device=generator.device)
        subset = torch.cat((subset, fresh)).unique()
    return subset
