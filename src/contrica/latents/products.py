"""Latents in blocks, such as a direction, a position and some unbounded factors, each with a law of its own.

p(s) = prod_B p_B(s_B),    p(s~|s) = prod_B p_B(s~_B|s_B),    delta = sum_B delta_B
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from contrica.dissimilarities import BlockSum, Dissimilarity
from contrica.latents.conditionals import Conditional
from contrica.latents.exact_pairs import ExactPairs
from contrica.latents.marginals import CoupledMarginal, Marginal
from contrica.spaces import ProductSpace


class ProductMarginal(CoupledMarginal):
    """Independent blocks.

    Parameters
    ----------
    *blocks : Marginal
        Two or more, in the order of their coordinates.

    Raises
    ------
    DtypeError, ShapeError
        If they are fewer, or one of them is a product.

    >>> from contrica.latents.marginals import UniformMarginal
    >>> from contrica.spaces import Box, Sphere
    >>> marginal = ProductMarginal(UniformMarginal(Sphere(3)), UniformMarginal(Box(2)))
    >>> marginal.space.sizes
    (3, 2)
    """

    def __init__(self, *blocks: Marginal) -> None:
        self.space: ProductSpace = ProductSpace(*(block.space for block in blocks))
        self.blocks = blocks

    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        return torch.cat([block._draw(num_samples, generator) for block in self.blocks], 1)

    def _log_density(self, latents: Tensor) -> Tensor:
        return _summed([block.log_density for block in self.blocks], self.space.split(latents))


class ProductConditional(Conditional):
    """Each block moves by a law of its own, whatever the others do.

    Parameters
    ----------
    *blocks : Conditional
        Two or more, in the order of their coordinates.

    Raises
    ------
    DtypeError, ShapeError
        If they are fewer, or one of them is a product.

    >>> from contrica.latents import LaplaceConditional, VonMisesFisherConditional
    >>> from contrica.spaces import Box, Sphere
    >>> sphere, box = Sphere(3), Box(2)
    >>> conditional = ProductConditional(VonMisesFisherConditional(sphere, 10.0), LaplaceConditional(box, 0.1))
    >>> conditional.dissimilarity
    BlockSum(
      sizes=(3, 2)
      (parts): ModuleList(
        (0): SphereDot(concentration=10)
        (1): PowerSum(2, exponent=1, weights=10)
      )
    )
    """

    def __init__(self, *blocks: Conditional) -> None:
        self.space: ProductSpace = ProductSpace(*(block.space for block in blocks))
        self.blocks = blocks

    @property
    def dissimilarity(self) -> Dissimilarity | None:
        """The sum of the blocks' deltas, None if a block has none."""
        deltas = [block.dissimilarity for block in self.blocks]
        known = [delta for delta in deltas if delta is not None]
        return BlockSum(known, sizes=self.space.sizes) if len(known) == len(deltas) else None

    @property
    def is_factorised(self) -> bool:
        """Whether the factors of every block are independent given the anchor."""
        return all(block.is_factorised for block in self.blocks)

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        parts = zip(self.blocks, self.space.split(latents), strict=True)
        return torch.cat([block._draw(part, generator) for block, part in parts], 1)

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for block, here, there in zip(self.blocks, self.space.split(latents), self.space.split(positives), strict=True):
            total = total + block.log_density(here, there)
        return total

    def _log_base_measure(self, positives: Tensor) -> Tensor:
        return _summed([block.log_base_measure for block in self.blocks], self.space.split(positives))


class BlockPairs(ExactPairs):
    """The pairs of independent blocks: logs of densities, information and logs of mean ratios add up."""

    def __init__(self, blocks: Sequence[ExactPairs], space: ProductSpace) -> None:
        self._blocks = tuple(blocks)
        self._space = space

    @property
    def is_exchangeable(self) -> bool:
        """Whether all blocks are."""
        return all(block.is_exchangeable for block in self._blocks)

    @property
    def has_constant_nuisances(self) -> bool:
        """Whether all blocks have."""
        return all(block.has_constant_nuisances for block in self._blocks)

    def positive_log_density(self, positives: Tensor) -> Tensor:
        """Return log p(s~), summed over the blocks."""
        return _summed([block.positive_log_density for block in self._blocks], self._space.split(positives))

    def mutual_information(self) -> float:
        """Return the information, summed over the blocks."""
        return math.fsum(block.mutual_information() for block in self._blocks)

    def log_mean_ratio(self) -> float:
        """Return ``log(1 + chi2)``, summed over the blocks."""
        return sum(block.log_mean_ratio() for block in self._blocks)


def _summed(functions: Sequence[Callable[[Tensor], Tensor]], parts: Sequence[Tensor]) -> Tensor:
    terms = [function(part) for function, part in zip(functions, parts, strict=True)]
    return torch.stack(terms).sum(0)
