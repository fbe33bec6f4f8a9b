"""Positive pairs: what a batch of them is, and where batches come from."""

from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.cells import Cells
from contrica.pairs.given import GivenPairs
from contrica.pairs.neighbourhood import NeighbourhoodPairs
from contrica.pairs.partition import Partition
from contrica.pairs.simulated import SimulatedPairs

__all__ = ["Cells", "GivenPairs", "NeighbourhoodPairs", "PairBatch", "PairSource", "Partition", "SimulatedPairs"]
