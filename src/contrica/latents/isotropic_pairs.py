"""Uniform latents on the sphere with noise that knows no direction: p(s~) is uniform too, by symmetry."""

import torch
from torch import Tensor

from contrica.latents.exact_pairs import ExactPairs
from contrica.latents.projected import ProjectedNormalConditional
from contrica.latents.von_mises_fisher import VonMisesFisherConditional

Isotropic = VonMisesFisherConditional | ProjectedNormalConditional
"""Conditionals of the sphere whose density depends on <s, s~> alone."""


class IsotropicPairs(ExactPairs):
    """A uniform marginal on the sphere with an isotropic conditional.

    >>> from contrica.spaces import Sphere
    >>> round(IsotropicPairs(VonMisesFisherConditional(Sphere(3), 10.0)).mutual_information(), 3)
    1.996
    """

    def __init__(self, conditional: Isotropic) -> None:
        self._conditional = conditional

    @property
    def is_exchangeable(self) -> bool:
        """True: the density depends on <s, s~> alone."""
        return True

    @property
    def has_constant_nuisances(self) -> bool:
        """True: every place looks like every other."""
        return True

    def positive_log_density(self, positives: Tensor) -> Tensor:
        """Return minus the log area of the sphere."""
        return torch.full(positives.shape[:-1], -self._conditional.space.log_area, dtype=torch.float64)

    def mutual_information(self) -> float:
        """Return the closed form or the integral over the angle."""
        return self._conditional.space.log_area + self._conditional.mean_log_density()

    def log_mean_ratio(self) -> float:
        """Return ``log(1 + chi2)``, likewise."""
        return self._conditional.space.log_area + self._conditional.log_mean_density()
