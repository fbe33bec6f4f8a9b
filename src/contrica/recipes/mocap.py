"""Which exercise a person does, from joint angles and time alone."""

from contrica.dissimilarities import SquaredEuclidean
from contrica.recipes.recipe import Recipe
from contrica.recordings import Model, Motion, RecordingExperiment
from contrica.training import TrainingOptions

STEPS = 500


def experiments(seed: int, steps: int | None = None) -> tuple[RecordingExperiment, ...]:
    """Return two experiments: three codes, which can be looked at, and more."""
    return tuple(
        RecordingExperiment(
            name=f"{code_dim} codes",
            recording=Motion(),
            model=Model(code_dim, SquaredEuclidean()),
            training=TrainingOptions(steps=steps or STEPS, batch_size=512, learning_rate=2e-3),
            seed=seed,
        )
        for code_dim in (3, 8)
    )


MOCAP = Recipe(
    name="mocap",
    title="Which exercise a person does, from joints and time alone",
    summary=(
        "Six sequences of motion capture, twelve channels ten times a second. The codes see windows of channels, and"
        " pairs are windows that follow each other; blocks of two seconds are held out. The action, one of twelve, is"
        " read from the codes by nearest neighbours, and codes are learned again from another seed and from either half"
        " of the sequences, to see how far they agree."
    ),
    experiments=experiments,
)
