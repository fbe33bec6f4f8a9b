"""Where a rat is, from spike counts and time alone: a true path, seen by simulated place and grid cells."""

from contrica.dissimilarities import SquaredEuclidean
from contrica.recipes.recipe import Recipe
from contrica.recordings import Model, OpenField, RecordingExperiment
from contrica.recordings.experiment import LEAST_SHUFFLES
from contrica.training import TrainingOptions

STEPS = 600


def experiments(seed: int, steps: int | None = None) -> tuple[RecordingExperiment, ...]:
    """Return two experiments: as many codes as the position has coordinates, and one more to unfold in.

    Codes are learned anew from shuffled data for the second, which is the one to use.
    """
    return tuple(
        RecordingExperiment(
            name=f"{code_dim} codes",
            recording=OpenField(),
            model=Model(code_dim, SquaredEuclidean()),
            training=TrainingOptions(steps=steps or STEPS, batch_size=512, learning_rate=2e-3),
            num_shuffles=LEAST_SHUFFLES if code_dim == 3 else 0,
            seed=seed,
        )
        for code_dim in (2, 3)
    )


RAT = Recipe(
    name="rat",
    title="Where a rat is, from spikes and time alone",
    summary=(
        "Ten minutes of a rat in a box of one metre. 100 simulated place and grid cells fire by its true position;"
        " the codes see their counts alone, and pairs are moments .5 to 1.5 seconds apart. Blocks of 20 seconds are"
        " held out, and a decoder that was fitted on the codes of the other blocks says where the rat was in them."
    ),
    experiments=experiments,
)
