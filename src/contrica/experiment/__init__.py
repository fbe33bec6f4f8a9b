"""An experiment is a frozen value that says everything; running it gives a record that says what came out."""

from contrica.experiment.running import build_model, run
from contrica.experiment.settings import (
    Experiment,
    FoldedMixing,
    MLPMixing,
    Neighbourhoods,
    Offsets,
    PhotographMixing,
    Selection,
)

__all__ = [
    "Experiment",
    "FoldedMixing",
    "MLPMixing",
    "Neighbourhoods",
    "Offsets",
    "PhotographMixing",
    "Selection",
    "build_model",
    "run",
]
