"""Latents that cause one another: a structural model in the order of the factors.

    s_i = f_i(s_1, ..., s_{i-1}) + e_i,      log p(s) = sum_i log q(s_i - f_i(s_1, ..., s_{i-1}))

The map from e to s is triangular with ones on its diagonal, so the density is that of the noise. Each earlier factor is
a parent with the same probability. (Peters, Janzing, Schoelkopf 2017, chapters 4 and 7.)
"""

import math
from abc import abstractmethod

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError
from contrica.latents import draws
from contrica.latents.marginals import CoupledMarginal, FactorisedMarginal
from contrica.spaces import Euclidean


class StructuralMarginal(CoupledMarginal):
    """Factors on R^n, each a function of some earlier ones plus noise of its own."""

    def __init__(self, noise: FactorisedMarginal, edge_probability: float, generator: torch.Generator) -> None:
        if not isinstance(noise, FactorisedMarginal) or not isinstance(noise.space, Euclidean):
            raise DtypeError(
                f"noise must be a factorised marginal on a Euclidean space, got {noise!r}; pass NormalMarginal or"
                " LaplaceMarginal"
            )
        _checks.generator(generator)
        share = _checks.not_negative(edge_probability, "edge_probability")
        if share > 1.0:
            raise DomainError(f"edge_probability must lie in [0, 1], got {edge_probability}; pass a share")
        self.space: Euclidean = noise.space
        self.noise = noise
        dim = self.space.dim
        self.parents = (draws.uniforms((dim, dim), generator) < share).tril(-1)

    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        latents = self.noise.sample(num_samples, generator=generator, dtype=torch.float64)
        for index in range(1, self.space.dim):
            latents[:, index] += self._effect(latents, index)
        return latents

    def _log_density(self, latents: Tensor) -> Tensor:
        effects = [self._effect(latents, index) for index in range(self.space.dim)]
        return self.noise.factor_log_density(latents - torch.stack(effects, -1)).sum(-1)

    @abstractmethod
    def _effect(self, latents: Tensor, index: int) -> Tensor:
        """Return ``f_index`` of latents (..., dim), of which only the parents of that factor count."""


class LinearStructuralMarginal(StructuralMarginal):
    """``s = B s + e`` with a random strictly lower triangular B.

    Parameters
    ----------
    noise : FactorisedMarginal
        Law of e, on a Euclidean space.
    edge_probability : float
        That an earlier factor is a parent, in [0, 1].
    strength : float
        The weights of a factor's k parents are ``+-strength/sqrt(k)`` times uniforms in (0.5, 1.5).
    generator : torch.Generator
        Source of graph and weights; it is advanced.

    Raises
    ------
    DomainError, DtypeError
        If the noise is no such law, or a number is out of its range.

    >>> from contrica.latents.marginals import LaplaceMarginal
    >>> noise = LaplaceMarginal(Euclidean(3))
    >>> marginal = LinearStructuralMarginal(noise, edge_probability=1.0, generator=torch.Generator().manual_seed(0))
    >>> (marginal.weights != 0).int().tolist()
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    """

    def __init__(
        self,
        noise: FactorisedMarginal,
        *,
        edge_probability: float = 0.5,
        strength: float = 1.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__(noise, edge_probability, generator)
        size = _checks.positive(strength, "strength") / self.parents.sum(1, keepdim=True).clamp_min(1).sqrt()
        sizes = size * (0.5 + draws.uniforms(self.parents.shape, generator))
        signs = torch.where(draws.uniforms(self.parents.shape, generator) < 0.5, -1.0, 1.0)
        self.weights: Tensor = signs * sizes * self.parents

    def _effect(self, latents: Tensor, index: int) -> Tensor:
        return latents[..., :index] @ self.weights[index, :index]


class MLPStructuralMarginal(StructuralMarginal):
    """``s_i = strength v_i^T tanh(W_i s + b_i) + e_i`` with random networks of one hidden layer.

    Parameters
    ----------
    noise : FactorisedMarginal
        Law of e, on a Euclidean space.
    edge_probability : float
        That an earlier factor is a parent, in [0, 1].
    strength : float
        Root mean square of what the parents add, about.
    hidden : int
        Units of each factor's network.
    generator : torch.Generator
        Source of graph and weights; it is advanced.

    Raises
    ------
    DomainError, DtypeError
        If the noise is no such law, or a number is out of its range.

    >>> from contrica.latents.marginals import NormalMarginal
    >>> noise = NormalMarginal(Euclidean(3))
    >>> marginal = MLPStructuralMarginal(noise, edge_probability=0.0, generator=torch.Generator().manual_seed(0))
    >>> marginal.log_density(torch.zeros(1, 3))   # no parents: -3/2 log(2 pi)
    tensor([-2.7568], dtype=torch.float64)
    """

    def __init__(
        self,
        noise: FactorisedMarginal,
        *,
        edge_probability: float = 0.5,
        strength: float = 1.0,
        hidden: int = 16,
        generator: torch.Generator,
    ) -> None:
        super().__init__(noise, edge_probability, generator)
        units, dim = _checks.count(hidden, "hidden"), self.space.dim
        size = _checks.positive(strength, "strength") / math.sqrt(0.5 * units)
        scales = self.parents.sum(1).clamp_min(1).sqrt()[:, None, None]
        self.input_weights = 1.5 * draws.normals((dim, units, dim), generator) / scales * self.parents[:, None]
        self.biases = draws.normals((dim, units), generator)
        has_parents = self.parents.any(1, keepdim=True)
        self.output_weights = size * draws.normals((dim, units), generator) * has_parents

    def _effect(self, latents: Tensor, index: int) -> Tensor:
        hidden = latents[..., :index] @ self.input_weights[index, :, :index].T + self.biases[index]
        return hidden.tanh() @ self.output_weights[index]
