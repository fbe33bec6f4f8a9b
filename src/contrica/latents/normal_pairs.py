"""Pairs that are jointly normal: everything follows from two covariances and the canonical correlations rho_i.

    s ~ N(m, S),  s~ = A s + e,  e ~ N(0, C):      s~ ~ N(A m, A S A^T + C),
    I = -sum_i log(1 - rho_i^2)/2,      1 + chi2 = prod_i 1/(1 - rho_i^2)

(Hotelling 1936; for the information Gelfand, Yaglom 1957.)
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from contrica.latents.conditionals import Conditional, NormalConditional
from contrica.latents.copula import GaussianCopulaMarginal
from contrica.latents.exact_pairs import ExactPairs
from contrica.latents.linear_normal import LinearNormalConditional
from contrica.latents.marginals import Marginal, NormalMarginal
from contrica.latents.structural import LinearStructuralMarginal
from contrica.spaces import Euclidean

SAME = 1e-12
"""Covariances whose entries differ by less than this share of the largest are equal but for rounding."""


class NormalPairs(ExactPairs):
    """A normal marginal under linear dynamics with normal noise.

    Parameters
    ----------
    mean : Tensor of shape (dim,)
        m.
    covariance : Tensor of shape (dim, dim)
        S.
    transition : Tensor of shape (dim, dim)
        A.
    noise : Tensor of shape (dim, dim)
        C. All are float64.

    >>> one, half = torch.eye(1, dtype=torch.float64), 0.5 * torch.eye(1, dtype=torch.float64)
    >>> pairs = NormalPairs(torch.zeros(1, dtype=torch.float64), one, one, one)
    >>> round(pairs.mutual_information() / math.log(2.0), 12)
    0.5
    """

    def __init__(self, mean: Tensor, covariance: Tensor, transition: Tensor, noise: Tensor) -> None:
        self._mean = transition @ mean
        cross = covariance @ transition.T
        spread = transition @ cross + noise
        self._factor: Tensor = torch.linalg.cholesky(spread)
        # 1 - rho^2 from the noise, since rho itself may round to 1.
        narrow = torch.linalg.solve_triangular(self._factor, torch.linalg.cholesky(noise), upper=False)
        self._log_unexplained = 2.0 * torch.linalg.svdvals(narrow).log()
        slack = SAME * float(covariance.abs().max())
        same = bool(((spread - covariance).abs() <= slack).all()) and bool(((cross - cross.T).abs() <= slack).all())
        self._is_exchangeable = same and bool(((self._mean - mean).abs() <= SAME * (1.0 + mean.abs())).all())

    @property
    def is_exchangeable(self) -> bool:
        """Whether both views have one law and the covariance between them is symmetric."""
        return self._is_exchangeable

    @property
    def has_constant_nuisances(self) -> bool:
        """False: the marginal falls."""
        return False

    def positive_log_density(self, positives: Tensor) -> Tensor:
        """Return the log density of N(A m, A S A^T + C)."""
        return normal_log_density(positives - self._mean, self._factor)

    def mutual_information(self) -> float:
        """Return ``-sum_i log(1 - rho_i^2)/2``."""
        return -0.5 * float(self._log_unexplained.sum())

    def log_mean_ratio(self) -> float:
        """Return ``-sum_i log(1 - rho_i^2)``."""
        return -float(self._log_unexplained.sum())


def jointly_normal(marginal: Marginal, conditional: Conditional) -> NormalPairs | None:
    """Return the law of the pair if it is known to be normal, else None."""
    moments = _moments(marginal)
    match conditional:
        case LinearNormalConditional():
            dynamics = conditional.transition, conditional.covariance
        case NormalConditional(space=Euclidean()):
            dynamics = torch.eye(conditional.space.dim, dtype=torch.float64), _variances(conditional.scale)
        case _:
            return None
    return None if moments is None else NormalPairs(*moments, *dynamics)


def _moments(marginal: Marginal) -> tuple[Tensor, Tensor] | None:
    """Return mean and covariance of a normal law, None for another one."""
    dim = marginal.space.dim
    match marginal:
        case NormalMarginal(space=Euclidean()):
            return torch.full((dim,), marginal.centre, dtype=torch.float64), _variances([marginal.scale] * dim)
        case GaussianCopulaMarginal():
            alone = [_moments(margin) for margin in marginal.margins]
            known = [moments for moments in alone if moments is not None] * (dim // len(alone))
            if len(known) < dim:
                return None
            scales = torch.stack([covariance[0, 0] for _, covariance in known]).sqrt()
            return torch.stack([mean[0] for mean, _ in known]), scales[:, None] * marginal.correlation * scales
        case LinearStructuralMarginal():
            noise = _moments(marginal.noise)
            if noise is None:
                return None
            effect = torch.linalg.inv(torch.eye(dim, dtype=torch.float64) - marginal.weights)
            return effect @ noise[0], effect @ noise[1] @ effect.T
        case _:
            return None


def _variances(scales: Sequence[float]) -> Tensor:
    return torch.tensor(scales, dtype=torch.float64).square().diag()


def normal_log_density(deviations: Tensor, factor: Tensor) -> Tensor:
    """Return the log density of deviations (..., dim) from the mean, for the Cholesky factor of the covariance."""
    flat = deviations.reshape(-1, len(factor))
    scaled = torch.linalg.solve_triangular(factor, flat.T, upper=False)
    log_normaliser = 0.5 * len(factor) * math.log(2.0 * math.pi) + factor.diagonal().log().sum()
    values: Tensor = -0.5 * scaled.square().sum(0) - log_normaliser
    return values.reshape(deviations.shape[:-1])
