"""What figures are made of, from pairs of images that differ in one or two of nine factors."""

from contrica.dissimilarities import SquaredEuclidean
from contrica.recipes.recipe import Recipe
from contrica.recordings import Figures, Model, RecordingExperiment
from contrica.training import TrainingOptions

STEPS = 300


def experiments(seed: int, steps: int | None = None) -> tuple[RecordingExperiment, ...]:
    """Return the one experiment."""
    return (
        RecordingExperiment(
            name="nine factors",
            recording=Figures(),
            model=Model(32, SquaredEuclidean(), widths=(128,), dropped=0.0),
            training=TrainingOptions(steps=steps or STEPS, batch_size=256, learning_rate=2e-3),
            seed=seed,
        ),
    )


SPRITES = Recipe(
    name="sprites",
    title="What figures are made of, from pairs that differ in few factors",
    summary=(
        "Figures composed of sprite sheets: body, shoes, bottomwear, topwear, eyes, hair, action, direction and frame"
        " decide every pixel. A pair is two images that differ in one or two of the nine. Categories of K values need K"
        " - 1 codes at equal distances, so there are more codes than factors; a linear probe says of each factor how"
        " often its value is read from the codes of figures that were held out."
    ),
    experiments=experiments,
)
