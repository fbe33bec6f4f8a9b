"""Laws on the unit sphere that are drawn in the space around it and scaled to unit length.

    s~ = (s + noise)/|s + noise|,       marginal:  s = (c + noise)/|c + noise|

with independent normal or Laplace noise of one scale in each of the n coordinates. The normal ones have a density of
<s, s~> alone (the projected normal, see `radial_integral`). The Laplace one depends on how s lies to the coordinate
axes, and in another way than on s~: it has no symmetric delta. (Mardia, Jupp 2000, section 9.3.3; the laws "Normal" and
"Laplace" on the sphere of Zimmermann et al. 2021.)
"""

import math

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError, NoDensityError
from contrica.latents import draws
from contrica.latents.conditionals import GeneralConditional
from contrica.latents.marginals import CoupledMarginal
from contrica.latents.quadrature import Mesh, ladder, refine
from contrica.latents.radial_integral import RadialIntegral, radial_integral
from contrica.spaces import Space, Sphere

LEAST_SCALE = 1e-3
"""A smaller step comes near the rounding of unit vectors in float32."""


class ProjectedNormalMarginal(CoupledMarginal):
    """Normal around the end of the first axis, scaled to unit length: one side of the sphere is preferred.

    Parameters
    ----------
    space : Sphere
    scale : float
        Standard deviation per coordinate before the projection, at least 1e-3; large ones approach the uniform law.

    Raises
    ------
    DomainError
        On another space, or for a smaller scale.

    >>> marginal = ProjectedNormalMarginal(Sphere(3), 1.0)
    >>> pole = torch.tensor([[1.0, 0.0, 0.0]])
    >>> marginal.log_density(pole) > marginal.log_density(-pole)
    tensor([True])
    """

    def __init__(self, space: Space, scale: float = 1.0) -> None:
        self.space: Sphere = _sphere(space, type(self).__name__)
        self.scale = _scale(scale)
        self._radial = radial_integral(space.dim, 1.0 / self.scale)

    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        points = self.scale * draws.normals((num_samples, self.space.dim), generator)
        points[:, 0] += 1.0
        return nn.functional.normalize(points, dim=1)

    def _log_density(self, latents: Tensor) -> Tensor:
        return _log_density_of_cosine(self._radial, self.space.dim, self.scale, latents[..., 0])


class ProjectedNormalConditional(GeneralConditional):
    """Normal noise around the anchor, scaled back to unit length.

    Parameters
    ----------
    space : Sphere
    scale : float
        Standard deviation per coordinate before the projection, at least 1e-3.

    Raises
    ------
    DomainError
        On another space, or for a smaller scale.

    Numerics: the density is exact to about 1e-10 nats. It is symmetric in s and s~, with
    ``delta = log J_n(1/scale) - log J_n(<s, s~>/scale)``, which is close to von Mises-Fisher of concentration scale^-2
    for small scales but is not it.

    >>> conditional = ProjectedNormalConditional(Sphere(3), 0.05)
    >>> pole = torch.tensor([[1.0, 0.0, 0.0]])
    >>> conditional.log_density(pole, pole).exp() * (2 * math.pi * 0.05**2)   # nearly a normal law of the plane
    tensor([1.0025], dtype=torch.float64)
    """

    def __init__(self, space: Space, scale: float) -> None:
        self.space: Sphere = _sphere(space, type(self).__name__)
        self.scale = _scale(scale)
        self._radial = radial_integral(space.dim, 1.0 / self.scale)

    @property
    def is_factorised(self) -> bool:
        """False: the sphere couples the coordinates."""
        return False

    def mean_log_density(self) -> float:
        """Return E[log p(s~|s)] over positives, in nats; the same for every anchor."""
        mesh, log_density = self._angles()
        return float((mesh.log_terms.exp() * log_density).sum())

    def log_mean_density(self) -> float:
        """Return log E[p(s~|s)] over positives, in nats; the same for every anchor."""
        mesh, log_density = self._angles()
        return float(torch.logsumexp((mesh.log_terms + log_density).flatten(), 0))

    def _angles(self) -> tuple[Mesh, Tensor]:
        """Return a mesh of the angle between s and s~ that resolves its law, and log p(s~|s) at its nodes."""
        dim = self.space.dim
        log_area = math.log(2.0) + 0.5 * (dim - 1) * math.log(math.pi) - math.lgamma(0.5 * (dim - 1))

        def log_integrand(angles: Tensor, owners: Tensor) -> Tensor:
            return log_area + (dim - 2.0) * angles.sin().log() + self._at_cosine(angles.cos())

        width = min(1.0, self.scale)
        mesh = refine(log_integrand, ladder([(0.0, width), (math.pi, width)], low=0.0, high=math.pi))
        return mesh, self._at_cosine(mesh.nodes.cos())

    def _at_cosine(self, cosines: Tensor) -> Tensor:
        return _log_density_of_cosine(self._radial, self.space.dim, self.scale, cosines)

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        return nn.functional.normalize(latents + self.scale * draws.normals(latents.shape, generator), dim=1)

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        return self._at_cosine((latents * positives).sum(-1))


class ProjectedLaplaceConditional(GeneralConditional):
    """Laplace noise around the anchor, scaled back to unit length.

    Parameters
    ----------
    space : Sphere
    scale : float
        Mean absolute step per coordinate before the projection, at least 1e-3.

    Raises
    ------
    DomainError
        On another space, or for a smaller scale.

    Numerics: exact draws. The density, ``int r^(n-1) exp(-|r s~ - s|_1/scale) dr/(2 scale)^n``, differs when s and s~
    change places and has no closed form in few terms: asking for it raises NoDensityError.

    >>> conditional = ProjectedLaplaceConditional(Sphere(3), 0.05)
    >>> pole = torch.tensor([[1.0, 0.0, 0.0]])
    >>> conditional.sample(pole, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    tensor([1.])
    """

    def __init__(self, space: Space, scale: float) -> None:
        self.space: Sphere = _sphere(space, type(self).__name__)
        self.scale = _scale(scale)

    @property
    def is_factorised(self) -> bool:
        """False: the sphere couples the coordinates."""
        return False

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        return nn.functional.normalize(latents + self.scale * draws.laplaces(latents.shape, generator), dim=1)

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        raise NoDensityError(
            "Laplace noise that is scaled back to the sphere has no density in closed form; use"
            " ProjectedNormalConditional or VonMisesFisherConditional"
        )


def _log_density_of_cosine(radial: RadialIntegral, dim: int, scale: float, cosines: Tensor) -> Tensor:
    return radial(cosines / scale) - 0.5 * dim * math.log(2.0 * math.pi) - 0.5 / scale**2


def _sphere(space: Space, name: str) -> Sphere:
    if not isinstance(space, Sphere):
        raise DomainError(f"{name} needs a Sphere, got {space!r}; pass Sphere({space.dim})")
    return space


def _scale(scale: float) -> float:
    if _checks.positive(scale, "scale") < LEAST_SCALE:
        raise DomainError(f"scale must be at least {LEAST_SCALE:g} on a unit sphere, got {scale}; pass a larger one")
    return float(scale)
