"""Von Mises-Fisher noise on the unit sphere, the conditional behind InfoNCE with normalised codes.

    p(s~|s) = exp(-concentration (1 - <s, s~>)) / Z,      Z = (2 pi)^(n/2) k^(1 - n/2) I_{n/2-1}(k) exp(-k)

k is the concentration, n the number of coordinates, I the modified Bessel function. (Mardia, Jupp 2000, section 9.3.)
"""

import math

import numpy as np
import torch
from scipy import special
from torch import Tensor, nn

from contrica import _checks
from contrica.dissimilarities import SphereDot
from contrica.errors import DomainError
from contrica.latents import draws
from contrica.latents.conditionals import FlatConditional
from contrica.spaces import Space, Sphere

SMALLEST_BESSEL = 1e-280
"""Below this value of the scaled Bessel function, its power series is summed in logs."""

SERIES_MARGIN = 200
"""Terms beyond the concentration, after which the terms of the power series have died out."""

LARGEST_CONCENTRATION = 1e6
"""Beyond, a step of 1/sqrt(k) = 1e-3 comes near the rounding of unit vectors in float32."""


class VonMisesFisherConditional(FlatConditional):
    """Noise on the sphere with mean direction s; the steps have a length of about sqrt((n - 1)/concentration).

    Parameters
    ----------
    space : Sphere
    concentration : float
        k > 0; the inverse temperature of InfoNCE with normalised codes.

    Numerics: exact for every n >= 2. Proposals are accepted with probability above 0.6 for every k (Wood 1994; Ulrich
    1984), and one uniform direction of n normals serves as the proposal for both the angle and the tangent direction.
    Small angles are computed from 1 - cos, without cancellation.

    >>> conditional = VonMisesFisherConditional(Sphere(3), 1.0)
    >>> pole = torch.tensor([[0.0, 0.0, 1.0]])
    >>> conditional.log_density(pole, pole).exp()   # k / (2 pi (1 - exp(-2 k)))
    tensor([0.1841], dtype=torch.float64)
    """

    def __init__(self, space: Space, concentration: float) -> None:
        if not isinstance(space, Sphere):
            raise DomainError(f"a von Mises-Fisher conditional needs a Sphere, got {space!r}; pass Sphere({space.dim})")
        self.space: Sphere = space
        self.concentration = _checks.positive(concentration, "concentration")
        if self.concentration > LARGEST_CONCENTRATION:
            raise DomainError(
                f"concentration must be at most {LARGEST_CONCENTRATION:g}, got {concentration}; pass a smaller one"
            )
        self.constant_log_normaliser = log_normaliser(space.dim, self.concentration)

    @property
    def dissimilarity(self) -> SphereDot:
        """``concentration (1 - <s, s~>)``."""
        return SphereDot(concentration=self.concentration)

    @property
    def is_factorised(self) -> bool:
        """False: the sphere couples the coordinates."""
        return False

    @property
    def mean_cosine(self) -> float:
        """E<s, s~> = I_{n/2}(k)/I_{n/2-1}(k), the mean resultant length."""
        return bessel_ratio(0.5 * self.space.dim - 1.0, self.concentration)

    def mean_log_density(self) -> float:
        """Return E[log p(s~|s)] over positives, in nats; the same for every anchor."""
        return -self.concentration * (1.0 - self.mean_cosine) - self.constant_log_normaliser

    def log_mean_density(self) -> float:
        """Return log E[p(s~|s)] over positives, in nats; the same for every anchor."""
        return log_normaliser(self.space.dim, 2.0 * self.concentration) - 2.0 * self.constant_log_normaliser

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        return around(latents, torch.full((len(latents),), self.concentration, dtype=torch.float64), generator)

    def _distance(self, latents: Tensor, positives: Tensor) -> Tensor:
        # Half the squared chord is 1 - <s, s~> for unit vectors, and keeps its digits where they are close.
        shape = torch.broadcast_shapes(latents.shape, positives.shape)[:-1]
        chord = torch.zeros(shape, dtype=torch.float64)
        for left, right in zip(latents.unbind(-1), positives.unbind(-1), strict=True):
            chord += (left - right).square()
        return 0.5 * self.concentration * chord

    def _log_normaliser(self, latents: Tensor) -> Tensor:
        return torch.full(latents.shape[:-1], self.constant_log_normaliser, dtype=torch.float64)


def around(directions: Tensor, concentrations: Tensor, generator: torch.Generator) -> Tensor:
    """Return one von Mises-Fisher draw per mean direction (rows, n >= 2), each of its own concentration (rows,)."""
    rows, dim = directions.shape
    waiting = torch.arange(rows)
    accepted, spread, tangents = _propose(concentrations, dim, generator)
    while len(waiting := waiting[~accepted]):
        accepted, spread[waiting], tangents[waiting] = _propose(concentrations[waiting], dim, generator)
    sine = (spread * (2.0 - spread)).clamp_min(0.0).sqrt()
    around_first_axis = torch.cat([(1.0 - spread)[:, None], sine[:, None] * tangents], 1)
    return _carried_from_first_axis(directions, around_first_axis)


def _propose(k: Tensor, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return which proposals are accepted, their 1 - cos(angle), and unit tangent directions."""
    extent = dim - 1.0
    normals = draws.normals((len(k), dim), generator)
    uniforms = draws.uniforms((len(k),), generator)
    first, rest = normals[:, 0], normals[:, 1:]
    across = torch.linalg.vector_norm(rest, dim=1)
    length = torch.linalg.vector_norm(normals, dim=1)
    # z = (1 - cos)/2 of a uniform direction is Beta((n-1)/2, (n-1)/2); for small angles without cancellation.
    z = 0.5 * torch.where(first > 0, across.square() / (length * (length + first.abs())), 1.0 - first / length)
    narrow = extent / (2.0 * k + torch.hypot(2.0 * k, k.new_tensor(extent)))
    spread = 2.0 * narrow * z / (1.0 - (1.0 - narrow) * z)
    short = 2.0 * narrow / (1.0 + narrow)  # 1 - x0 of Wood's x0 = (1 - b)/(1 + b)
    log_ratio = k * (short - spread) + extent * (
        torch.log(short + (1.0 - short) * spread) - torch.log(short * (2.0 - short))
    )
    return uniforms.log() <= log_ratio, spread, rest / across[:, None]


def log_normaliser(dim: int, concentration: float) -> float:
    """Return log Z of ``exp(-concentration (1 - <s, u>))`` over the unit sphere of R^dim."""
    order = 0.5 * dim - 1.0
    scaled = float(special.ive(order, concentration))
    if math.isfinite(scaled) and scaled > SMALLEST_BESSEL:
        log_bessel = math.log(scaled)
    else:
        terms = np.arange(int(concentration) + SERIES_MARGIN)
        logs = (2.0 * terms + order) * math.log(0.5 * concentration)
        logs -= special.gammaln(terms + 1.0) + special.gammaln(terms + order + 1.0)
        log_bessel = float(special.logsumexp(logs)) - concentration
    return 0.5 * dim * math.log(2.0 * math.pi) - order * math.log(concentration) + log_bessel


def bessel_ratio(order: float, argument: float) -> float:
    """Return ``I_{order+1}(argument)/I_order(argument)``, by Gauss' continued fraction of positive terms."""
    steps = int(argument) + SERIES_MARGIN
    ratio = 0.0
    for step in range(steps, 0, -1):
        ratio = 1.0 / (2.0 * (order + step) / argument + ratio)
    return ratio


def _carried_from_first_axis(targets: Tensor, points: Tensor) -> Tensor:
    """Rotate or reflect each point so that the first axis goes to its target, by one stable Householder reflection."""
    unit = nn.functional.normalize(targets, dim=1)
    side = torch.where(unit[:, :1] >= 0, 1.0, -1.0).to(unit)
    normal = unit.clone()
    normal[:, :1] += side
    moved = points - normal * (2.0 * (normal * points).sum(1, keepdim=True) / normal.square().sum(1, keepdim=True))
    moved = -side * moved
    return nn.functional.normalize(moved, dim=1)
