"""An invertible multilayer perceptron from latents to observations, with well-conditioned weights.

    x = W_L phi(... phi(W_2 phi(W_1 s))),      phi(t) = max(t, slope t),      s = W_1^-1 phi^-1(... W_L^-1 x)

Each square W starts with entries uniform in (-1, 1), its columns are scaled to unit length, and of many such draws the
one of the smallest condition number is kept; no biases. (The protocol of Hyvarinen, Morioka 2016 and of Zimmermann et
al. 2021.)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError

BYTES_AT_ONCE = 2**25
"""The candidates are drawn and tested in chunks of 32 MiB."""


class InvertibleMLP(nn.Module):
    """Mixes latents of shape (batch, dim) into observations of the same shape, one to one.

    Parameters
    ----------
    dim : int
        Number of latents and of observed variables.
    num_layers : int
        Number of linear layers, with a leaky ReLU between any two.
    negative_slope : float
        Slope of the leaky ReLU left of zero, in (0, 1]; 1 makes the mixing linear.
    candidates : int
        Matrices drawn per layer, of which the best-conditioned is kept.
    generator : torch.Generator
        The only source of randomness; it is advanced.

    Raises
    ------
    DomainError
        If a parameter is out of its range.

    Numerics: weights are drawn and compared in float32, stored in float64, and used in the dtype of the argument; the
    inverse solves one linear system per layer and loses at most ``condition_number`` times the rounding of that dtype.

    >>> mixing = InvertibleMLP(3, candidates=100, generator=torch.Generator().manual_seed(0))
    >>> latents = torch.rand(5, 3, dtype=torch.float64)
    >>> torch.allclose(mixing.inverse(mixing(latents)), latents)
    True
    """

    weights: Tensor

    def __init__(
        self,
        dim: int,
        *,
        num_layers: int = 3,
        negative_slope: float = 0.2,
        candidates: int = 25_000,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _checks.generator(generator)
        self.dim = _checks.count(dim, "dim")
        self.num_layers = _checks.count(num_layers, "num_layers")
        _checks.count(candidates, "candidates")
        self.negative_slope = _checks.positive(negative_slope, "negative_slope")
        if self.negative_slope > 1.0:
            raise DomainError(f"negative_slope must be at most 1, got {negative_slope}; pass a slope in (0, 1]")
        layers = [_best_conditioned(dim, candidates, generator) for _ in range(num_layers)]
        self.register_buffer("weights", torch.stack(layers))

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        return (self.dim,)

    @property
    def layer_condition_numbers(self) -> tuple[float, ...]:
        """Largest over smallest singular value of each weight matrix, at least 1."""
        singular_values = torch.linalg.svdvals(self.weights.double())
        return tuple((singular_values[:, 0] / singular_values[:, -1]).tolist())

    @property
    def condition_number(self) -> float:
        """Bound on the largest over the smallest stretch of the mixing: the product of its layers'."""
        return math.prod(self.layer_condition_numbers) * self.negative_slope ** (1 - self.num_layers)

    def forward(self, latents: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Return the observations, in the dtype of the latents."""
        hidden = _checks.matrix(latents, "latents", columns=self.dim).T  # a wide matrix times a narrow one is slow
        for index, weight in enumerate(self.weights.to(hidden.dtype)):
            if index:
                hidden = nn.functional.leaky_relu(hidden, self.negative_slope)
            hidden = weight @ hidden
        return hidden.T

    def inverse(self, observations: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Return the latents, in the dtype of the observations."""
        hidden = _checks.matrix(observations, "observations", columns=self.dim)
        for index, weight in enumerate(self.weights.to(hidden.dtype).flip(0)):
            if index:
                hidden = nn.functional.leaky_relu(hidden, 1.0 / self.negative_slope)
            hidden = torch.linalg.solve(weight, hidden.T).T
        return hidden


def _best_conditioned(dim: int, candidates: int, generator: torch.Generator) -> Tensor:
    """Return the best-conditioned of ``candidates`` random matrices, of shape (dim, dim), float64."""
    chunk = max(1, BYTES_AT_ONCE // (8 * dim * dim))
    best, least = torch.eye(dim, dtype=torch.float64), math.inf
    for start in range(0, candidates, chunk):
        size = (min(chunk, candidates - start), dim, dim)
        draws = 2.0 * torch.rand(size, generator=generator, dtype=torch.float32, device=generator.device).cpu() - 1.0
        draws = nn.functional.normalize(draws, dim=1)
        # Squared singular values; float32 orders them well up to condition numbers of 1e3.
        squares = torch.linalg.eigvalsh(draws.mT @ draws)
        conditions = squares[:, -1] / squares[:, 0].clamp_min(torch.finfo(torch.float32).tiny)
        index = int(conditions.argmin())
        if float(conditions[index]) < least:
            best, least = draws[index].double(), float(conditions[index])
    return nn.functional.normalize(best, dim=0)
