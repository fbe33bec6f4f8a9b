"""Pairs whose factors are independent: everything is a sum over one-dimensional laws, one per distinct noise scale."""

from collections import Counter
from functools import cached_property

import torch
from torch import Tensor

from contrica.latents.conditionals import PowerConditional
from contrica.latents.exact_pairs import ExactPairs
from contrica.latents.factor import FactorModel
from contrica.latents.marginals import Marginal


class FactorisedPairs(ExactPairs):
    """A factorised marginal with independent noise per factor.

    Numerics: log p(s~) is exact to 1e-9 nats, by adaptive quadrature per distinct factor, tabulated at first use.

    >>> from contrica.latents.conditionals import LaplaceConditional
    >>> from contrica.latents.marginals import UniformMarginal
    >>> from contrica.spaces import Box
    >>> pairs = FactorisedPairs(UniformMarginal(Box(10)), LaplaceConditional(Box(10), 0.05))
    >>> round(pairs.mutual_information(), 1)
    14.2
    """

    def __init__(self, marginal: Marginal, conditional: PowerConditional) -> None:
        self._marginal = marginal
        self._conditional = conditional
        self._multiplicities = Counter(conditional.power_scales)

    @property
    def is_exchangeable(self) -> bool:
        """False: p(s)/Z(s) is not constant."""
        return False

    @property
    def has_constant_nuisances(self) -> bool:
        """False: walls cut the noise off, or the marginal falls."""
        return False

    def positive_log_density(self, positives: Tensor) -> Tensor:
        """Return log p(s~), summed over the factors."""
        total = torch.zeros(positives.shape[:-1], dtype=torch.float64)
        for scale, column in zip(self._conditional.power_scales, positives.detach().unbind(-1), strict=True):
            total += self._factors[scale].positive_log_density(column)
        return total

    def mutual_information(self) -> float:
        """Return the information, summed over the factors."""
        return sum(count * self._factors[scale].mutual_information() for scale, count in self._multiplicities.items())

    def log_mean_ratio(self) -> float:
        """Return ``log(1 + chi2)``, summed over the factors."""
        return sum(count * self._factors[scale].log_mean_ratio() for scale, count in self._multiplicities.items())

    @cached_property
    def _factors(self) -> dict[float, FactorModel]:
        """One model per distinct noise scale: the marginals of all factors are alike."""
        scales = self._conditional.power_scales
        return {
            scale: FactorModel(self._marginal, self._conditional.factor(scales.index(scale))) for scale in set(scales)
        }
