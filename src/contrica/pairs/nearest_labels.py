"""Uniform draws from the k rows whose labels are nearest, found by a k-d tree (Bentley 1975).

Rows that are near in time do not count among the k. Where several rows lie at the k-th distance, the tree decides
which of them counts.
"""

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import cKDTree

from contrica.pairs.label_space import LabelSpace
from contrica.pairs.row_draws import below

AT_ONCE = 1 << 22
"""Neighbours that are listed together: some tens of megabytes."""

Rows = npt.NDArray[np.int64]


def nearest(tree: cKDTree, rows: Rows, ranks: Rows, first: Rows, last: Rows, bound: float, *, asked: int = 2) -> Rows:
    """Return the neighbour of each row that has the given rank by distance, from 0; -1 where there are not so many.

    Rows first, ..., last of a row are no neighbours, nor are those at a distance of ``bound`` or more. ``asked`` rows
    are looked at to begin with, and twice as many until the neighbour is found, of a few rows at a time where they are
    many.
    """
    share = max(1, AT_ONCE // max(1, min(asked, tree.n)))
    if len(rows) > share:
        parts = [slice(start, start + share) for start in range(0, len(rows), share)]
        return np.concatenate(
            [nearest(tree, rows[part], ranks[part], first, last, bound, asked=asked) for part in parts]
        )
    found = np.full(len(rows), -1)
    waiting = np.arange(len(rows))
    while len(waiting):
        asked = min(asked, tree.n)
        here = rows[waiting]
        candidates = tree.query(tree.data[here], k=[*range(1, asked + 1)], p=np.inf, distance_upper_bound=bound)[1]
        exist = candidates < tree.n
        neighbours = exist & ((candidates < first[here, None]) | (candidates > last[here, None]))
        counts = np.cumsum(neighbours, axis=1)
        done = counts[:, -1] > ranks[waiting]
        column = (counts <= ranks[waiting, None]).sum(1)[done]
        found[waiting[done]] = candidates[done, column]
        waiting = waiting[~done & exist[:, -1] & (asked < tree.n)]
        asked *= 2
    return found


class NearestLabels:
    """Rows by label, from which the nearest ones of a given one are drawn.

    Parameters
    ----------
    space : LabelSpace
        Labels of the rows, in order of time.
    classes : array of shape (rows,)
        From 0 on; only rows of one class are neighbours.
    first, last : arrays of shape (rows,)
        The rows first, ..., last are no neighbours of a row; itself is among them.
    num_neighbours : int
        k; fewer where the class has fewer.
    """

    def __init__(self, space: LabelSpace, classes: Rows, first: Rows, last: Rows, num_neighbours: int) -> None:
        """Build the tree."""
        self._tree, self._beyond = space.tree(classes)
        self._first, self._last, self._num_neighbours = first, last, num_neighbours
        by_class = np.lexsort((np.arange(len(classes)), classes))
        codes = classes[by_class] * len(classes) + by_class
        start, before, after, end = (
            np.searchsorted(codes, classes * len(classes) + offset) for offset in (0, first, last + 1, len(classes))
        )
        self._available = (before - start) + (end - after)

    def reachable(self) -> npt.NDArray[np.bool_]:
        """Tell which rows have a neighbour."""
        return self._available > 0

    def draw(self, rows: Rows, generator: torch.Generator) -> Rows:
        """Return a uniform one of the nearest rows of each row; every row must have one."""
        ranks = below(torch.from_numpy(np.minimum(self._available[rows], self._num_neighbours)), generator).numpy()
        return nearest(self._tree, rows, ranks, self._first, self._last, self._beyond, asked=self._num_neighbours + 1)
