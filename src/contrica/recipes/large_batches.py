"""Two ways to a large batch where a large one does not fit: a queue of past codes, and activations that are forgotten.

Six factors share 8.5 nats a pair, the logarithm of a batch of 64 is 4.2 and that of 512 is 6.2.

    64                   what fits
    64, queue of 448     as many candidates as a batch of 512 has, most of them as an older encoder saw them
    512                  what is wanted
    512, 64 at a time    the same gradients, in the activations of 64 rows; each row is encoded twice
"""

from contrica.dissimilarities import PowerSum
from contrica.experiment import Experiment, MLPMixing, Offsets
from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
from contrica.losses import InfoNCE
from contrica.recipes.recipe import Recipe
from contrica.spaces import Box
from contrica.training import TrainingOptions

STEPS = 1000
SMALL, LARGE = 64, 512
FAST, SLOW = 4e-3, 1e-3
"""A code stays in the queue for 7 steps: what it is then worth depends on how far the encoder moves in them."""


def experiments(seed: int, steps: int | None = None) -> tuple[Experiment, ...]:
    """Return the four ways at a high rate, and the first two at a lower one and where a small batch asks enough."""
    queued = LARGE - SMALL
    small, large = f"batch {SMALL}", f"batch {LARGE}"
    cases: tuple[tuple[str, float, float, int, int | None, int | None], ...] = (
        (small, 0.05, FAST, SMALL, None, None),
        (f"{small}, queue", 0.05, FAST, SMALL, queued, None),
        (large, 0.05, FAST, LARGE, None, None),
        (f"{large}, {SMALL} rows at a time", 0.05, FAST, LARGE, None, SMALL),
        (f"{small}, rate {SLOW}", 0.05, SLOW, SMALL, None, None),
        (f"{small}, queue, rate {SLOW}", 0.05, SLOW, SMALL, queued, None),
        (f"{small}, Laplace 0.2", 0.2, FAST, SMALL, None, None),
        (f"{small}, queue, Laplace 0.2", 0.2, FAST, SMALL, queued, None),
    )
    space = Box(6)
    return tuple(
        Experiment(
            name=name,
            latents=LatentModel(UniformMarginal(space), LaplaceConditional(space, scale)),
            mixing=MLPMixing(num_layers=3),
            loss=InfoNCE(),
            dissimilarity=PowerSum(6, exponent=1.0),
            offsets=Offsets(anchor=False, candidate=False, bias=False),
            widths=(96, 96, 96),
            training=TrainingOptions(
                steps=steps or STEPS,
                batch_size=batch_size,
                learning_rate=rate,
                queue_size=queue_size,
                rows_at_once=rows_at_once,
            ),
            seed=seed,
        )
        for name, scale, rate, batch_size, queue_size, rows_at_once in cases
    )


LARGE_BATCHES = Recipe(
    name="large-batches",
    title="A large batch where a large one does not fit",
    summary=(
        "Six factors in a box, and a batch of 64 that asks too little of Laplace(0.05) pairs. A batch of 512 solves"
        " them, and so does one whose activations are kept 64 rows at a time: the gradients are the same but for"
        " rounding, each row is encoded twice, and memory stays that of the small batch. A queue of past codes gives"
        " the small batch as many candidates, but most come from an older encoder and carry no gradient: it does harm,"
        " the more the faster the codes move. In no setting that was tried does a queue help."
    ),
    experiments=experiments,
)
