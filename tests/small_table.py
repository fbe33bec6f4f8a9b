"""A table of experiments that take a second together: for whatever runs, breaks and resumes tables."""

from contrica.dissimilarities import PowerSum
from contrica.experiment import Experiment, MLPMixing
from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
from contrica.losses import InfoNCE
from contrica.spaces import Box
from contrica.training import TrainingOptions


def table(count):
    space = Box(2)
    return [
        Experiment(
            name=f"number {seed}",
            latents=LatentModel(UniformMarginal(space), LaplaceConditional(space, 0.15)),
            mixing=MLPMixing(candidates=10),
            loss=InfoNCE(),
            dissimilarity=PowerSum(2, exponent=1.0),
            widths=(8,),
            training=TrainingOptions(steps=2, batch_size=16),
            num_test=1000,
            seed=seed,
        )
        for seed in range(count)
    ]
