"""Axes from unequal concentrations: noise on the sphere that is narrower along some coordinates than along others.

    p(s~|s) ~ exp(-sum_i lambda_i (s_i - s~_i)^2),      delta = sum_i l_i (a_i - b_i)^2,  l_i learned

Where all lambda differ, the axes are identified and l comes to lambda in the order of the factors. Where two groups
share theirs, what is left open is a rotation within each group. (Rusak et al. 2025, AnInfoNCE.)
"""

from contrica.dissimilarities import PowerSum
from contrica.encoders import SphereOutput
from contrica.experiment import Experiment, MLPMixing, Offsets
from contrica.latents import AnisotropicSphereConditional, LatentModel, UniformMarginal
from contrica.losses import InfoNCE
from contrica.recipes.recipe import Recipe
from contrica.report import PublishedValue
from contrica.spaces import Sphere
from contrica.training import TrainingOptions

STEPS = 2500

TURN_STEPS = (500, 1000, 1500, 2000, STEPS)
"""Codes are turned to the axes of pair differences, and after the last step."""

SPHERE = Sphere(10)
LINEAR = tuple(5.0 + 20.0 * index / 9 for index in range(10))
START = tuple(8.0 + 10.0 * index / 9 for index in range(10))
"""Of the learned concentrations: inside of the true ones, and not equal, since equal ones prefer no axes."""

CASES = {
    "lambda 5 to 25, evenly spaced": LINEAR,
    "lambda 5 and 25, five factors each": (5.0,) * 5 + (25.0,) * 5,
}
SOURCE = "Rusak et al. 2025, training logs"


def experiments(seed: int, steps: int | None = None) -> tuple[Experiment, ...]:
    """Return both cases."""
    return tuple(
        Experiment(
            name=name,
            latents=LatentModel(UniformMarginal(SPHERE), AnisotropicSphereConditional(SPHERE, weights)),
            mixing=MLPMixing(num_layers=3),
            loss=InfoNCE(),
            dissimilarity=PowerSum(10, exponent=2.0, weights=START, learnable_weights=True),
            offsets=Offsets(anchor=False, candidate=True, bias=False),
            widths=(64, 64, 64),
            output=SphereOutput(10),
            training=TrainingOptions(
                steps=steps or STEPS, batch_size=1024, optimizer="soap", learning_rate=1e-2, betas=(0.9, 0.95)
            ),
            turn_steps=TURN_STEPS,
            seed=seed,
        )
        for name, weights in CASES.items()
    )


def published() -> tuple[PublishedValue, ...]:
    """Return what the logs of the paper's runs end with: the middle and half the range over them."""
    linear, bimodal = CASES
    return (
        PublishedValue(linear, "r2", 99.7, 0.1, SOURCE),
        PublishedValue(linear, "mcc", 98.9, 0.1, SOURCE),
        PublishedValue(bimodal, "r2", 99.7, 0.0, SOURCE),
        PublishedValue(bimodal, "mcc", 68.5, 0.0, SOURCE),
    )


ANISOTROPIC = Recipe(
    name="anisotropic",
    title="Axes on the sphere from unequal concentrations",
    summary=(
        "Ten coordinates on the sphere, each with noise of its own concentration, and a model that learns one"
        " concentration per code. With ten different ones every factor gets a code of its own, and the learned"
        " concentrations come out in the order of the true ones. With two groups of equal ones the factors are found"
        " up to a rotation within each group, as the theory says: R2 stays high, MCC does not."
    ),
    published=published(),
    experiments=experiments,
)
