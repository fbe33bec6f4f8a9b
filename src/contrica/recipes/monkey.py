"""Where a monkey wants the cursor, from its motor cortex: within two sessions, and across them."""

from contrica.dissimilarities import SquaredEuclidean
from contrica.recipes.recipe import Recipe
from contrica.recordings import Model, MotorCortex, RecordingExperiment
from contrica.training import TrainingOptions

STEPS = 100

REACH = 10
"""Bins to either side: most trials are averaged as a whole, and given factors alike."""

CASES = {
    "before learning": MotorCortex("before", "before", reach=REACH),
    "after learning": MotorCortex("after", "after", reach=REACH),
    "after, by what was learned before": MotorCortex("before", "after", reach=REACH),
    "before, by what was learned after": MotorCortex("after", "before", reach=REACH),
    "both, an encoder each": MotorCortex("both", "both", reach=REACH),
}


def experiments(seed: int, steps: int | None = None) -> tuple[RecordingExperiment, ...]:
    """Return the five cases; encoder and decoder that cross to another session are those of the first two."""
    return tuple(
        RecordingExperiment(
            name=name,
            recording=recording,
            model=Model(3, SquaredEuclidean(), widths=(), dropped=0.2),
            training=TrainingOptions(steps=steps or STEPS, batch_size=256, learning_rate=2e-3),
            agreement=recording.learned in ("both", recording.decoded),
            num_shuffles=19 if recording.learned in ("both", recording.decoded) else 0,
            seed=seed,
        )
        for name, recording in CASES.items()
    )


MONKEY = Recipe(
    name="monkey",
    title="Where a monkey wants the cursor, from its motor cortex",
    summary=(
        "Two sessions of 86 units under a brain-computer interface, before and after the monkey learned a new mapping."
        " Pairs are moments of different trials whose directions to the target are nearly the same; three codes are"
        " learned from training trials, and the direction is read from them on trials that were held out: within each"
        " session, in the other session by the same encoder and decoder, and from one encoder per session with codes"
        " that both share, each session also read by the decoder of the other."
    ),
    experiments=experiments,
)
