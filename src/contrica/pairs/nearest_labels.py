"""Uniform draws from the k rows whose labels are nearest, found by a k-d tree (Bentley 1975).

Rows that are near in time do not count among the k. Where several rows lie at the k-th distance, the tree decides
which of them counts.
"""

import numpy as np
import numpy.typing as npt
import torch

from contrica.pairs.label_space import LabelSpace
from contrica.pairs.row_draws import below

Rows = npt.NDArray[np.int64]


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
        drawn = np.full(len(rows), -1)
        waiting = np.arange(len(rows))
        asked = self._num_neighbours + 1
        while len(waiting):
            asked = min(asked, self._tree.n)
            here = rows[waiting]
            found = self._tree.query(
                self._tree.data[here], k=[*range(1, asked + 1)], p=np.inf, distance_upper_bound=self._beyond
            )[1]
            far = (found < self._first[here, None]) | (found > self._last[here, None])
            order = np.cumsum(far & (found < self._tree.n), axis=1)
            done = order[:, -1] > ranks[waiting]
            column = (order <= ranks[waiting, None]).sum(1)[done]
            drawn[waiting[done]] = found[done, column]
            waiting = waiting[~done]
            asked *= 2
        return drawn
