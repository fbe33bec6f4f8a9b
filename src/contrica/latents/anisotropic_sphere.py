"""Noise on the unit sphere with a concentration of its own for each coordinate.

    p(s~|s) = exp(-sum_i lambda_i (s_i - s~_i)^2) / Z(s)

Proposals are normal, ``z = s + N(0, 1/(2 lambda_i))``, scaled to unit length. The density of x = z/|z| is the above
times ``I(x) = int r^(n-1) exp(-a (r^2 - 1) + 2 b (r - 1)) dr`` with a = sum lambda_i x_i^2, b = sum lambda_i x_i s_i;
x is taken with probability M/I(x) for a lower bound M of I. By Jensen's inequality, for any gamma law w,

    log I >= E_w[(n-1) log r - a (r^2 - 1) + 2 b (r - 1)] + H(w),     a <= max lambda,  b >= -max lambda,

and M is the best such bound over the means >= 1 and the shapes of w.

    Z(s) = 2 pi^(n/2) exp(-sum_i lambda_i s_i^2) (1/2 pi i) int exp(f(t)) dt,
    f(t) = t + sum_i ( (lambda_i s_i)^2/(lambda_i + t) - log(lambda_i + t)/2 ),

along a contour right of all -lambda_i: the inverse Laplace transform of a normal law's ``|x|^2``, at 1. (For the law:
Rusak et al. 2025; for such integrals: Kume, Wood 2005.)
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import special, stats
from torch import Tensor, nn

from contrica.dissimilarities import PowerSum
from contrica.errors import DomainError
from contrica.latents import draws
from contrica.latents.conditionals import FlatConditional, per_factor
from contrica.latents.radial_integral import radial_integral
from contrica.latents.rejection import accepted
from contrica.spaces import Space, Sphere

CONTOUR_NODES = 200
"""Along the contour the integrand falls to e^-37 of its peak within 21 of its widths: about ten nodes to a width."""

CONTOUR_DECAY = 37.0

BISECTIONS = 60

LARGEST_WEIGHT = 1e6
"""Beyond, a step of 1e-3 comes near the rounding of unit vectors in float32."""


class AnisotropicSphereConditional(FlatConditional):
    """Noise on the sphere that is narrower along some axes: identifies the axes whose concentrations differ.

    Parameters
    ----------
    space : Sphere
    weights : float or sequence of floats
        lambda_i in (0, 1e6], in nats per squared unit; all equal to kappa/2 is von Mises-Fisher of concentration kappa.

    Raises
    ------
    DomainError
        On another space, or for a weight outside of its range; in a draw, if no proposal is accepted, as happens for
        weights of very unequal sizes.
    ShapeError
        If the weights are not one per coordinate.

    Numerics: exact draws, by rejection; for ten weights between 5 and 25, 46 % of the proposals are accepted, for many
    more coordinates far fewer. log Z is exact to about 1e-11.

    >>> conditional = AnisotropicSphereConditional(Sphere(3), [1.0, 2.0, 4.0])
    >>> conditional.dissimilarity.weights
    tensor([1., 2., 4.], dtype=torch.float64)
    """

    def __init__(self, space: Space, weights: float | Sequence[float]) -> None:
        if not isinstance(space, Sphere):
            raise DomainError(f"an anisotropic law of the sphere needs a Sphere, got {space!r}; pass Sphere(...)")
        self.space: Sphere = space
        self.weights = per_factor(weights, space, "weights")
        if max(self.weights) > LARGEST_WEIGHT:
            raise DomainError(f"weights must be at most {LARGEST_WEIGHT:g}, got {weights}; pass smaller ones")
        self._weights = torch.tensor(self.weights, dtype=torch.float64)
        self._log_bound = log_least_radial_mass(space.dim, max(self.weights))

    @property
    def dissimilarity(self) -> PowerSum:
        """``sum_i lambda_i (s_i - s~_i)^2``."""
        return PowerSum(self.space.dim, exponent=2.0, weights=self.weights)

    @property
    def is_factorised(self) -> bool:
        """False: the sphere couples the coordinates."""
        return False

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        spread = (2.0 * self._weights).rsqrt()

        def propose(rows: Tensor) -> tuple[Tensor, Tensor]:
            anchors = latents[rows]
            proposals = nn.functional.normalize(anchors + spread * draws.normals(anchors.shape, generator), dim=1)
            log_chance = self._log_bound - self._log_radial_mass(anchors, proposals)
            return proposals, draws.uniforms((len(rows),), generator).log() <= log_chance

        return accepted(
            propose, num_anchors=len(latents), dim=self.space.dim, advice="pass weights of more equal sizes"
        )

    def _log_radial_mass(self, anchors: Tensor, points: Tensor) -> Tensor:
        """Return log I of the points."""
        dim = self.space.dim
        a = (self._weights * points.square()).sum(-1)
        b = (self._weights * points * anchors).sum(-1)
        # by r = length/sqrt(2 a); |b| <= sqrt(a max lambda)
        table = radial_integral(dim, math.sqrt(2.0 * max(self.weights)))
        return a - 2.0 * b - 0.5 * dim * (2.0 * a).log() + table(2.0 * b * (2.0 * a).rsqrt())

    def _distance(self, latents: Tensor, positives: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for left, right, weight in zip(latents.unbind(-1), positives.unbind(-1), self.weights, strict=True):
            total = total + weight * (left - right).square()
        return total

    def _log_normaliser(self, latents: Tensor) -> Tensor:
        rows = latents.reshape(-1, self.space.dim)
        return torch.cat([self._log_normaliser_of(chunk) for chunk in rows.split(1024)]).reshape(latents.shape[:-1])

    def _log_normaliser_of(self, anchors: Tensor) -> Tensor:
        dim, least = self.space.dim, min(self.weights)
        above = self._weights - least
        squares = (self._weights * anchors).square()
        # The contour t = -least + d (1 + i w)^2 crosses the real axis at the saddle, where the slope is 0.
        low = torch.full((len(anchors), 1), 0.5, dtype=torch.float64)
        high = 0.5 * dim + squares.sum(1, keepdim=True).sqrt() + 1.0
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            slope = 1.0 - (squares / (above + middle).square() + 0.5 / (above + middle)).sum(1, keepdim=True)
            low, high = torch.where(slope < 0.0, middle, low), torch.where(slope < 0.0, high, middle)
        saddle = 0.5 * (low + high)
        peak = self._log_transform(saddle.to(torch.complex128), squares, above).real
        step = (CONTOUR_DECAY / saddle).sqrt() / CONTOUR_NODES
        steps = step * torch.arange(CONTOUR_NODES + 1, dtype=torch.float64)
        turn = torch.complex(torch.ones_like(steps), steps)
        values = (self._log_transform(saddle * turn.square(), squares, above) - peak).exp() * turn
        shares = values.real
        shares[:, 0] *= 0.5
        log_integral = (2.0 * saddle * step * shares.sum(1, keepdim=True) / math.pi).log() + peak
        constant = math.log(2.0) + 0.5 * dim * math.log(math.pi) - least
        cost = (self._weights * anchors.square()).sum(1)
        return log_integral[:, 0] + constant - cost

    @staticmethod
    def _log_transform(distances: Tensor, squares: Tensor, above: Tensor) -> Tensor:
        """Return the exponent of the integrand at ``t = -least + distances``, of shape (rows, nodes)."""
        total = distances.clone()
        for square, gap in zip(squares.unbind(1), above.tolist(), strict=True):
            total = total + square[:, None] / (distances + gap) - 0.5 * (distances + gap).log()
        return total


def log_least_radial_mass(dim: int, largest_weight: float) -> float:
    """Return log M, a lower bound of log I for all weights up to the largest and all points of the sphere."""
    shapes = np.exp(np.linspace(0.0, math.log(1e3 * (largest_weight + dim)), 400))[:, None]
    means = np.exp(np.linspace(0.0, math.log(1.0 + math.sqrt(dim / largest_weight)), 100))[None]
    log_mean = special.digamma(shapes) - np.log(shapes) + np.log(means)
    entropy = stats.gamma.entropy(shapes) + np.log(means / shapes)
    excess = means**2 * (1.0 + 1.0 / shapes) - 1.0
    bounds = (dim - 1.0) * log_mean - largest_weight * (excess + 2.0 * (means - 1.0)) + entropy
    return float(bounds.max())
