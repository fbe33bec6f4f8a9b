"""Positive pairs: what a batch of them is, and where batches come from."""

from contrica.pairs.augmented import Augmentation, AugmentedPairs
from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.cells import Cells
from contrica.pairs.changed import ChangedPairs, Dropout
from contrica.pairs.drawn import Histogram, PairReport, RowPairs, describe_pairs
from contrica.pairs.given import GivenPairs
from contrica.pairs.labelled import LabelledPairs
from contrica.pairs.ladder import SimulatedLadder, TemporalLadder
from contrica.pairs.mixed import MixedPairs
from contrica.pairs.neighbourhood import NeighbourhoodPairs
from contrica.pairs.partition import Partition
from contrica.pairs.several import EitherPairs, stack_recordings
from contrica.pairs.simulated import SimulatedPairs
from contrica.pairs.temporal import TemporalPairs

__all__ = [
    "Augmentation",
    "AugmentedPairs",
    "Cells",
    "ChangedPairs",
    "Dropout",
    "EitherPairs",
    "GivenPairs",
    "Histogram",
    "LabelledPairs",
    "MixedPairs",
    "NeighbourhoodPairs",
    "PairBatch",
    "PairReport",
    "PairSource",
    "Partition",
    "RowPairs",
    "SimulatedLadder",
    "SimulatedPairs",
    "TemporalLadder",
    "TemporalPairs",
    "describe_pairs",
    "stack_recordings",
]
