"""Correlated latents with any laws of the single factors: a Gaussian copula.

    z ~ N(0, R),  s_i = F_i^-1(Phi(z_i)),      log p(s) = sum_i log q_i(s_i) - log det(R)/2 - z^T (R^-1 - I) z/2

F_i is the distribution function of factor i, q_i its density, and R a correlation matrix. (Sklar 1959; Nelsen 2006.)
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError, NoDensityError, ShapeError
from contrica.latents import draws
from contrica.latents.marginals import CoupledMarginal, Marginal

SMALLEST_SHARE = 1e-16
"""Probabilities are kept this far from 0 and, as far as float64 can, from 1: a normal quantile there is finite."""


class GaussianCopulaMarginal(CoupledMarginal):
    """Factors of any factorised laws, correlated through normal variables.

    Parameters
    ----------
    margins : Marginal or sequence of Marginal
        Factorised, all on one space: the law of every factor, or one for each.
    correlation : float or matrix of dim x dim floats
        R, of ones on the diagonal, positive definite; a float is that of any two factors, in (-1/(dim - 1), 1).

    Raises
    ------
    DomainError, DtypeError, NoDensityError, ShapeError
        If the margins are no factorised laws of one space, one for all or one each, or R is no correlation matrix.

    Numerics: exact draws. In the density, the normal variable of a factor is known to the resolution of its
    probability: its error reaches 1e-3 beyond 7.5 standard deviations on the upper side.

    >>> from contrica.latents.marginals import UniformMarginal
    >>> from contrica.spaces import Box
    >>> marginal = GaussianCopulaMarginal(UniformMarginal(Box(2)), 0.8)
    >>> round(marginal.log_density(torch.full((1, 2), 0.5)).exp().item(), 4)   # 1 / sqrt(1 - 0.64)
    1.6667
    """

    def __init__(self, margins: Marginal | Sequence[Marginal], correlation: float | Sequence[Sequence[float]]) -> None:
        laws = list(margins) if isinstance(margins, Sequence) else [margins]
        for law in laws:
            if not isinstance(law, Marginal):
                raise DtypeError(f"margins must be contrica Marginals, got {type(law).__name__}; pass one per factor")
            if not law.is_factorised:
                raise NoDensityError(f"margins must be factorised, got {type(law).__name__}, which couples its factors")
        if not laws or any(law.space != laws[0].space for law in laws):
            raise DomainError(f"margins must share one space, got {[law.space for law in laws]}; build all on the same")
        self.space = laws[0].space
        dim = self.space.dim
        if len(laws) not in (1, dim):
            raise ShapeError(f"margins must be one law or one per factor, {dim}, got {len(laws)}; pass one or {dim}")
        self.margins = tuple(laws)
        self.correlation = _correlations(correlation, dim)
        self._factor: Tensor = torch.linalg.cholesky(self.correlation)
        self._excess = torch.cholesky_inverse(self._factor) - torch.eye(dim, dtype=torch.float64)

    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        scores = draws.normals((num_samples, self.space.dim), generator) @ self._factor.T
        shares = torch.special.ndtr(scores).clamp(SMALLEST_SHARE, 1.0 - torch.finfo(torch.float64).eps)
        return self._by_factor(Marginal.factor_quantile, shares)

    def _log_density(self, latents: Tensor) -> Tensor:
        shares = self._by_factor(Marginal.factor_distribution, latents)
        scores = torch.special.ndtri(shares.clamp(SMALLEST_SHARE, 1.0 - torch.finfo(torch.float64).eps))
        alone = self._by_factor(Marginal.factor_log_density, latents).sum(-1)
        coupling: Tensor = ((scores @ self._excess) * scores).sum(-1)
        return alone - 0.5 * coupling - self._factor.diagonal().log().sum()

    def _by_factor(self, function: Callable[[Marginal, Tensor], Tensor], values: Tensor) -> Tensor:
        if len(self.margins) == 1:
            return function(self.margins[0], values)
        columns = zip(self.margins, values.unbind(-1), strict=True)
        return torch.stack([function(margin, column) for margin, column in columns], -1)


def _correlations(correlation: float | Sequence[Sequence[float]], dim: int) -> Tensor:
    if isinstance(correlation, (int, float)):
        shared = _checks.finite(correlation, "correlation")
        correlation = torch.full((dim, dim), shared, dtype=torch.float64).fill_diagonal_(1.0).tolist()
    values = _checks.positive_definite(correlation, "correlation", dim)
    if bool((values.diagonal() != 1.0).any()):
        raise DomainError(f"a correlation matrix has ones on its diagonal, got {values.diagonal().tolist()}; scale it")
    return values
