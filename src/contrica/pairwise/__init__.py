"""Which pairs there are, and sums over them."""

from contrica.pairwise.plan import PairPlan
from contrica.pairwise.reduction import reduce_pairs

__all__ = ["PairPlan", "reduce_pairs"]
