"""Positive pairs: what a batch of them is, and where batches come from."""

from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.given import GivenPairs
from contrica.pairs.simulated import SimulatedPairs

__all__ = ["GivenPairs", "PairBatch", "PairSource", "SimulatedPairs"]
