"""What the offsets are for: four losses on skewed latents, unmodified and with all terms."""

from contrica.dissimilarities import PowerSum
from contrica.experiment import Experiment, MLPMixing, Offsets
from contrica.latents import ExponentialTiltMarginal, LaplaceConditional, LatentModel
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.recipes.recipe import Recipe
from contrica.spaces import Box
from contrica.training import TrainingOptions

STEPS = 1000

TURN_STEP = 250
"""SCL weighs the closest pairs most: its gradient is noisy, which larger batches answer, and slow to find the axes.

Turning gives codes their calibrated scale, at which unmodified SCL, without a bias to match, has no gradient left.
"""


def experiments(seed: int, steps: int | None = None) -> tuple[Experiment, ...]:
    """Return eight experiments: each loss with all terms, then each unmodified."""
    space = Box(4)
    latents = LatentModel(ExponentialTiltMarginal(space, 3.0), LaplaceConditional(space, 0.15))
    forms = {"all terms": Offsets(), "unmodified": Offsets(anchor=False, candidate=False, bias=False)}
    return tuple(
        Experiment(
            name=f"{type(loss).__name__}, {form}",
            latents=latents,
            mixing=MLPMixing(num_layers=3),
            loss=loss,
            dissimilarity=PowerSum(4, exponent=1.0),
            offsets=offsets,
            widths=(128, 128, 128),
            training=TrainingOptions(
                steps=steps or STEPS, batch_size=2048 if isinstance(loss, SCL) else 512, learning_rate=3e-3
            ),
            turn_steps=(TURN_STEP,) if isinstance(loss, SCL) and offsets.bias else (),
            seed=seed,
        )
        for form, offsets in forms.items()
        for loss in (InfoNCE(), NCE(), NWJ(), SCL())
    )


FIRST_LOOK = Recipe(
    name="first-look",
    title="Four losses, with and without the offsets",
    summary=(
        "Four factors in a box with skewed marginals exp(-3s), pairs that differ by Laplace(0.15) noise, mixed by a"
        " three-layer MLP. With alpha, alpha~ and the bias all four losses recover every factor; the unmodified losses"
        " assume uniform marginals and bend the codes."
    ),
    experiments=experiments,
)
