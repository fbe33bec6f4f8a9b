"""Real pixels: from pairs of overlapping crops of a photograph, the position of the camera."""

from contrica.dissimilarities import PowerSum
from contrica.experiment import Experiment, Offsets, PhotographMixing
from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
from contrica.losses import InfoNCE
from contrica.recipes.recipe import Recipe
from contrica.spaces import Box
from contrica.training import TrainingOptions

STEPS = 500
DEFAULT_IMAGE = "flower.jpg"


def experiments(seed: int, steps: int | None = None, *, image: str = DEFAULT_IMAGE) -> tuple[Experiment, ...]:
    """Return the one experiment on that image."""
    space = Box(2)
    return (
        Experiment(
            name=f"camera over {image}",
            latents=LatentModel(UniformMarginal(space), LaplaceConditional(space, 0.1)),
            mixing=PhotographMixing(image=image),
            loss=InfoNCE(),
            dissimilarity=PowerSum(2, exponent=1.0),
            offsets=Offsets(anchor=False, candidate=True, bias=False),
            widths=(16, 32, 64),
            training=TrainingOptions(steps=steps or STEPS, batch_size=256, learning_rate=3e-3),
            num_test=4096,
            seed=seed,
        ),
    )


PHOTO = Recipe(
    name="photo",
    title="Camera position from pairs of crops",
    summary=(
        "Windows of 160 x 160 pixels on a photograph, shown at 32 x 32; a pair is two windows a Laplace(0.1) step"
        " apart. flower.jpg looks different everywhere, and the camera's position is recovered. china.jpg has a sky"
        " that looks nearly alike from many places: there the codes may fold, with some seeds, and where they do the"
        " loss stays above its optimum and recovery fails."
    ),
    options={"image": DEFAULT_IMAGE},
    experiments=experiments,
)
