"""The law of the latents: p(s), p(s~|s), and the exact log density ratio of their pairs."""

from contrica.latents.anisotropic_sphere import AnisotropicSphereConditional
from contrica.latents.conditionals import (
    Conditional,
    GeneralisedNormalConditional,
    LaplaceConditional,
    NormalConditional,
    PowerConditional,
)
from contrica.latents.copula import GaussianCopulaMarginal
from contrica.latents.frozen import FrozenConditional
from contrica.latents.heteroscedastic import HeteroscedasticConditional
from contrica.latents.linear_normal import LinearNormalConditional
from contrica.latents.marginals import (
    BimodalMarginal,
    ExponentialTiltMarginal,
    FactorisedMarginal,
    GeneralisedNormalMarginal,
    LaplaceMarginal,
    Marginal,
    NormalMarginal,
    PowerMarginal,
    UniformMarginal,
)
from contrica.latents.model import LatentModel
from contrica.latents.norm_power import NormPowerConditional
from contrica.latents.products import ProductConditional, ProductMarginal
from contrica.latents.projected import (
    ProjectedLaplaceConditional,
    ProjectedNormalConditional,
    ProjectedNormalMarginal,
)
from contrica.latents.restricted import RestrictedConditional
from contrica.latents.sampled_ratio import SampledRatio
from contrica.latents.structural import LinearStructuralMarginal, MLPStructuralMarginal
from contrica.latents.von_mises_fisher import VonMisesFisherConditional

__all__ = [
    "AnisotropicSphereConditional",
    "BimodalMarginal",
    "Conditional",
    "ExponentialTiltMarginal",
    "FactorisedMarginal",
    "FrozenConditional",
    "GaussianCopulaMarginal",
    "GeneralisedNormalConditional",
    "GeneralisedNormalMarginal",
    "HeteroscedasticConditional",
    "LaplaceConditional",
    "LaplaceMarginal",
    "LatentModel",
    "LinearNormalConditional",
    "LinearStructuralMarginal",
    "MLPStructuralMarginal",
    "Marginal",
    "NormPowerConditional",
    "NormalConditional",
    "NormalMarginal",
    "PowerConditional",
    "PowerMarginal",
    "ProductConditional",
    "ProductMarginal",
    "ProjectedLaplaceConditional",
    "ProjectedNormalConditional",
    "ProjectedNormalMarginal",
    "RestrictedConditional",
    "SampledRatio",
    "UniformMarginal",
    "VonMisesFisherConditional",
]
