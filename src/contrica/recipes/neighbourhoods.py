"""When the pairs tell more than a batch can ask: neighbourhood batches against plain ones, at two noise scales."""

from contrica.dissimilarities import PowerSum
from contrica.experiment import Experiment, MLPMixing, Neighbourhoods, Offsets
from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
from contrica.losses import InfoNCE
from contrica.recipes.recipe import Recipe
from contrica.spaces import Box
from contrica.training import TrainingOptions

STEPS = 1500
SCALES = (0.05, 0.2)
"""Six factors then share 8.5 and 2.3 nats per pair; the logarithm of a batch of 256 is 5.5."""


def experiments(seed: int, steps: int | None = None) -> tuple[Experiment, ...]:
    """Return four experiments: each noise scale with plain batches, then with neighbourhoods."""
    space = Box(6)
    forms = {"plain": None, "neighbourhoods": Neighbourhoods(cell_size=64, pool_size=131_072)}
    return tuple(
        Experiment(
            name=f"Laplace {scale}, {form}",
            latents=LatentModel(UniformMarginal(space), LaplaceConditional(space, scale)),
            mixing=MLPMixing(num_layers=3),
            loss=InfoNCE(),
            dissimilarity=PowerSum(6, exponent=1.0),
            offsets=Offsets(anchor=False, candidate=True, bias=False),
            widths=(96, 96, 96),
            training=TrainingOptions(steps=steps or STEPS, batch_size=256, learning_rate=4e-3),
            neighbourhoods=neighbourhoods,
            seed=seed,
        )
        for scale in SCALES
        for form, neighbourhoods in forms.items()
    )


NEIGHBOURHOODS = Recipe(
    name="neighbourhoods",
    title="Hard negatives with the optimum kept",
    summary=(
        "Six factors in a box. With Laplace(0.05) pairs the mutual information is above the logarithm of the batch:"
        " plain batches are solved by a few dimensions and the gradient starves, and batches drawn from cells of space"
        " end nearer to the optimum. With Laplace(0.2) pairs a plain batch asks enough, and cells hurt: candidates that"
        " lie closer to each other than a pair does are hard to tell apart for the best of critics."
    ),
    experiments=experiments,
)
