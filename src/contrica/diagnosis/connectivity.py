"""Whether the codes hang together: parts that no pair and no near neighbour joins are recovered each by itself.

Codes of both members of all pairs are joined to their nearest neighbours; components of this graph are parts of the
support. Where pairs hardly ever lead from one part to another, the contrast sees distances within parts only, and each
part may be turned, reflected or shifted by itself: one affine map, or one order of the factors, need not fit them all.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from contrica.diagnosis.check import Check, Quantity, Verdict
from contrica.diagnosis.held_out import HeldOut

NEIGHBOURS = 10
"""Uniform and skewed points on boxes of 2 to 10 dimensions hang together by so many at 4000 points; parts of fewer
points than these cannot be seen."""

SMALLEST_PART = 0.02
"""Share of the rows below which a part is taken for stragglers."""

FEWEST_LINKS = 20
"""Pairs from a part to others below which its place is not learned: their share of the loss is that of 20 rows."""


def check_connectivity(held_out: HeldOut) -> Check:
    """Look for parts of the codes that nothing joins."""
    expected = "codes that hang together, or parts that many pairs lead between"
    anchors, positives = (side.codes.double().numpy() for side in (held_out.anchors, held_out.positives))
    rows = len(anchors)
    points = np.concatenate((anchors, positives))
    points = points / np.maximum(points.std(0), np.finfo(np.float32).tiny)
    near = cKDTree(points).query(points, k=NEIGHBOURS + 1)[1][:, 1:]
    links = coo_array(
        (np.ones(near.size), (np.repeat(np.arange(2 * rows), NEIGHBOURS), near.ravel())), shape=(2 * rows, 2 * rows)
    )
    part = connected_components(links, directed=False)[1]
    shares = np.bincount(part[:rows]) / rows
    large = np.flatnonzero(shares >= SMALLEST_PART)
    leaving = [int(((part[:rows] == each) != (part[rows:] == each)).sum()) for each in large]
    measured = (
        Quantity("parts that hold a fiftieth of the rows or more", float(len(large))),
        Quantity("share of the largest part", float(shares.max())),
        *(Quantity(f"pairs that join part {number} to others", float(count)) for number, count in enumerate(leaving)),
    )
    if len(large) == 0:
        sentence = "the codes are scattered: no part holds a fiftieth of the rows"
        return Check("connectivity", measured, expected, Verdict.CANNOT_TELL, sentence, "hold out more pairs")
    if len(large) == 1:
        return Check("connectivity", measured, expected, Verdict.FINE, "the codes hang together")
    if min(leaving) >= FEWEST_LINKS:
        sentence = f"the codes fall into {len(large)} parts, which pairs lead between"
        return Check("connectivity", measured, expected, Verdict.FINE, sentence)
    sentence = f"the codes fall into {len(large)} parts that pairs hardly lead between: each is recovered by itself"
    advice = "score and read each part by itself, or draw pairs that are farther apart and lead from part to part"
    return Check("connectivity", measured, expected, Verdict.LOOK, sentence, advice)
