"""Which exercise a person does, from joint angles and time alone, or from actions that are known of other moments."""

from contrica.dissimilarities import SquaredEuclidean
from contrica.recipes.recipe import Recipe
from contrica.recordings import Model, Motion, RecordingExperiment
from contrica.training import TrainingOptions

STEPS = 300

BY_TIME = Motion("time", first_lag=1, last_lag=5)
BY_ACTION = Motion("action")


def experiments(seed: int, steps: int | None = None) -> tuple[RecordingExperiment, ...]:
    """Return four experiments: three codes, which can be looked at, and eight, by time and by action."""
    return tuple(
        RecordingExperiment(
            name=f"{code_dim} codes, pairs by {recording.pairs_by}",
            recording=recording,
            model=Model(code_dim, SquaredEuclidean()),
            training=TrainingOptions(steps=steps or STEPS, batch_size=256, learning_rate=2e-3),
            seed=seed,
        )
        for recording in (BY_TIME, BY_ACTION)
        for code_dim in (3, 8)
    )


MOCAP = Recipe(
    name="mocap",
    title="Which exercise a person does, from joints",
    summary=(
        "Six sequences of motion capture, twelve channels ten times a second. The codes see windows of half a second;"
        " pairs are windows .1 to .5 seconds apart, or windows of one action from different blocks. Blocks of two"
        " seconds are held out. The action, one of twelve, is read from the codes by nearest neighbours, and codes are"
        " learned again from another seed and from either half of the sequences, to see how far they agree."
    ),
    experiments=experiments,
)
