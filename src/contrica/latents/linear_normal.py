"""Linear dynamics with normal noise: random walks, stationary autoregression (Ornstein-Uhlenbeck), and rotation.

    s~ = A s + e,  e ~ N(0, C),        log p(s~|s) = -(s~ - A s)^T C^-1 (s~ - A s)/2 + const

The anchor and its positive meet in the term s~^T M s, M = C^-1 A. Where M is symmetric and positive definite,

    delta = (s - s~)^T M (s - s~)/2,    log Q(s~) = -s~^T (C^-1 - M) s~/2,

so mean reversion is absorbed in Q and Z. Where M is not symmetric, as for a rotation, the pairs tell time's direction
and no symmetric delta exists. (Derived in the framework's section 1.1; for the predictor that such data need see
Gonzalez Laiz, Schmidt, Schneider 2025.)
"""

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from contrica import _checks
from contrica.dissimilarities import Dissimilarity, Mahalanobis, PowerSum
from contrica.errors import DomainError, NoDensityError
from contrica.latents import draws
from contrica.latents.conditionals import Conditional, per_factor
from contrica.spaces import Euclidean

ROUNDING = 1e-12
"""Entries that differ by less than this share of the largest one are equal but for float64 rounding."""


class LinearNormalConditional(Conditional):
    """Normal noise around a linear map of the anchor, on the whole of R^n.

    Parameters
    ----------
    space : Euclidean
    transition : matrix of dim x dim floats
        A; row i says what factor i becomes.
    covariance : matrix of dim x dim floats
        C, symmetric and positive definite, in the squared units of the space.

    Raises
    ------
    DomainError
        On another space, or for a covariance that is none.
    ShapeError
        If a matrix is not dim x dim.

    Numerics: exact draws and densities, float64.

    >>> conditional = LinearNormalConditional.autoregressive(Euclidean(2), 0.9)
    >>> conditional.dissimilarity.weights          # rho / (2 (1 - rho^2))
    tensor([2.3684, 2.3684], dtype=torch.float64)
    >>> LinearNormalConditional.rotating(Euclidean(2), 0.9, 0.1).dissimilarity is None
    True
    """

    def __init__(
        self, space: Euclidean, *, transition: Sequence[Sequence[float]], covariance: Sequence[Sequence[float]]
    ) -> None:
        self.space: Euclidean = _euclidean(space)
        self.transition: Tensor = _checks.square(transition, "transition", space.dim)
        self.covariance: Tensor = _checks.positive_definite(covariance, "covariance", space.dim)
        self._factor: Tensor = torch.linalg.cholesky(self.covariance)
        self._precision = torch.cholesky_inverse(self._factor)
        coupling = self._precision @ self.transition
        slack = ROUNDING * float(coupling.abs().max())
        symmetric = bool(((coupling - coupling.T).abs() <= slack).all())
        self._coupling = torch.where(coupling.abs() <= slack, 0.0, 0.5 * (coupling + coupling.T))
        # An indefinite M would call some far pairs closer than none.
        self._is_reversible = symmetric and bool(torch.linalg.eigvalsh(self._coupling)[0] > slack)

    @classmethod
    def random_walk(cls, space: Euclidean, covariance: Sequence[Sequence[float]]) -> Self:
        """Return ``s~ = s + e`` with noise of this covariance: factors that move together."""
        return cls(space, transition=torch.eye(_euclidean(space).dim).tolist(), covariance=covariance)

    @classmethod
    def autoregressive(
        cls, space: Euclidean, correlation: float | Sequence[float], *, scale: float | Sequence[float] = 1.0
    ) -> Self:
        """Return ``s~ = rho s + sqrt(1 - rho^2) scale e``, which leaves a normal law of deviation ``scale`` as it is.

        Parameters
        ----------
        space : Euclidean
        correlation : float or sequence of floats
            rho in (0, 1), one for all factors or one each; exp(-lag/relaxation time) of an Ornstein-Uhlenbeck process.
        scale : float or sequence of floats
            Standard deviation of the stationary law, in the units of the space.
        """
        rhos, scales = per_factor(correlation, _euclidean(space), "correlation"), per_factor(scale, space)
        if max(rhos) >= 1.0:
            raise DomainError(f"correlation must lie in (0, 1), got {correlation}; pass a smaller one")
        variances = [(1.0 - rho * rho) * deviation**2 for rho, deviation in zip(rhos, scales, strict=True)]
        return cls(space, transition=_diagonal(rhos), covariance=_diagonal(variances))

    @classmethod
    def rotating(cls, space: Euclidean, correlation: float, angle: float, *, scale: float = 1.0) -> Self:
        """Return ``s~ = rho R s + sqrt(1 - rho^2) scale e``, R turning the planes (1, 2), (3, 4), ... by ``angle``.

        A normal law of standard deviation ``scale`` stays as it is, but the pairs drift: for an angle that is no
        multiple of 2 pi they are irreversible.

        Parameters
        ----------
        space : Euclidean
            Of even dimension.
        correlation : float
            rho in (0, 1), between a positive and its turned anchor.
        angle : float
            In radians per pair.
        scale : float
            Standard deviation of the stationary law, in the units of the space.
        """
        dim = _euclidean(space).dim
        if dim % 2:
            raise DomainError(f"a rotation of planes needs an even dimension, got {dim}; add a factor")
        rho, turn = _checks.positive(correlation, "correlation"), _checks.finite(angle, "angle")
        if rho >= 1.0:
            raise DomainError(f"correlation must lie in (0, 1), got {correlation}; pass a smaller one")
        plane = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64)
        transition = rho * torch.block_diag(*[plane] * (dim // 2))
        variance = (1.0 - rho * rho) * _checks.positive(scale, "scale") ** 2
        return cls(space, transition=transition.tolist(), covariance=_diagonal([variance] * dim))

    @property
    def is_reversible(self) -> bool:
        """Whether M is symmetric and positive definite, so that there is a delta."""
        return self._is_reversible

    @property
    def dissimilarity(self) -> Dissimilarity | None:
        """``(s - s~)^T M (s - s~)/2``, None where M is not symmetric and positive definite."""
        if not self._is_reversible:
            return None
        weights = self._coupling.diagonal()
        if bool((self._coupling == torch.diag(weights)).all()):
            return PowerSum(self.space.dim, exponent=2.0, weights=(0.5 * weights).tolist())
        return Mahalanobis(self.space.dim, matrix=(0.5 * self._coupling).tolist())

    @property
    def is_factorised(self) -> bool:
        """Whether A and C are diagonal."""
        return all(bool((table == table.diagonal().diag()).all()) for table in (self.transition, self.covariance))

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        steps = draws.normals(latents.shape, generator) @ self._factor.T
        return latents @ self.transition.T + steps

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        steps = positives - latents @ self.transition.T
        log_normaliser = 0.5 * self.space.dim * math.log(2.0 * math.pi) + self._factor.diagonal().log().sum()
        return -0.5 * _form(steps, self._precision) - log_normaliser

    def _log_base_measure(self, positives: Tensor) -> Tensor:
        if not self._is_reversible:
            raise NoDensityError("Q belongs to a delta, and irreversible pairs have none; ask for the log density")
        return -0.5 * _form(positives, self._precision - self._coupling)


def _form(vectors: Tensor, matrix: Tensor) -> Tensor:
    values: Tensor = ((vectors @ matrix) * vectors).sum(-1)
    return values


def _diagonal(entries: Sequence[float]) -> list[list[float]]:
    return [[entry if row == column else 0.0 for column in range(len(entries))] for row, entry in enumerate(entries)]


def _euclidean(space: Euclidean) -> Euclidean:
    if not isinstance(space, Euclidean):
        raise DomainError(f"linear dynamics need a Euclidean space, got {space!r}; restrict them afterwards")
    return space
