"""Uniform draws from the rows whose labels lie within a bandwidth, without listing them.

Rows are sorted by class, by cell of a grid whose cells are a bandwidth wide or wider, and by time. Those within the
bandwidth of a row lie in its cell and the cells around it, of which a row is proposed, rows near in time left out by
arithmetic, and kept if it is within. What is kept is uniform, so the proposals decide about the cost only: about
(3/2)^label_dim of them. Rows for which many fail in turn have their neighbours listed by a k-d tree (Bentley 1975).
"""

import itertools
import math

import numpy as np
import numpy.typing as npt
import torch

from contrica.pairs.label_space import EDGE, LabelSpace
from contrica.pairs.nearest_labels import nearest
from contrica.pairs.row_draws import below

Rows = npt.NDArray[np.int64]

GRIDDED_LABELS = 3
"""The grid is cut along this many labels, those with the most cells; a cell has 3^labels around it."""

LARGEST_CODE = 1 << 62
"""Class, cell and place in time of a row are one integer, which must stay below."""

ROUNDS = 8
"""2^8 - 1 proposals before the neighbours are listed: of so many, those that remain are few."""

FIRST_ROUNDS = 4
"""15 proposals before the nearest neighbour is searched, where one is enough."""

FEW_CELLS_AROUND = {1: (0,), 2: (0, 1)}
"""Steps to the cells around one on a circle of 1 or 2 cells, each cell once."""

ROWS_AT_ONCE = 1 << 13
"""Rows for which neighbours are looked for together when all rows are gone through."""


class LabelGrid:
    """Rows by label, from which those within a bandwidth of a given one are drawn.

    Parameters
    ----------
    space : LabelSpace
        Labels of the rows, in order of time.
    classes : array of shape (rows,)
        From 0 on; only rows of one class are neighbours.
    first, last : arrays of shape (rows,)
        The rows first, ..., last are no neighbours of a row; itself is among them.
    """

    def __init__(self, space: LabelSpace, classes: Rows, first: Rows, last: Rows) -> None:
        """Sort the rows."""
        self._space, self._first, self._last = space, first, last
        self._tree = space.tree(classes)[0] if space.points.shape[1] else None
        num_rows, num_classes = len(classes), int(classes.max()) + 1
        extents = np.where(space.periods > 0, space.periods, space.points.max(0, initial=0.0))
        self._labels = np.argsort(-extents, kind="stable")[:GRIDDED_LABELS]
        extents, self._periodic = extents[self._labels], space.periods[self._labels] > 0
        most = (LARGEST_CODE // (num_rows * num_classes)) ** (1 / max(1, len(self._labels)))
        self._cells = np.clip(np.floor(extents / EDGE), 1, max(1.0, np.floor(most) - 1)).astype(np.int64)
        cells = np.floor(space.points[:, self._labels] * (self._cells / extents)).astype(np.int64)
        cells = np.minimum(cells, self._cells - 1)
        number = self._numbers(classes, cells)
        self._codes = np.sort(number * num_rows + np.arange(num_rows))
        self._occupied, begins = np.unique(self._codes // num_rows, return_index=True)
        self._begins = np.append(begins, (num_rows, num_rows))  # the last cell is one without rows
        self._home = np.searchsorted(self._occupied, number)
        some = self._codes[begins] % num_rows
        self._around = np.empty((len(some), len(self._steps())), np.int32)
        for start in range(0, len(some), ROWS_AT_ONCE):
            rows = some[start : start + ROWS_AT_ONCE]
            self._around[start : start + ROWS_AT_ONCE] = self._cells_around(classes[rows], cells[rows])

    def reachable(self) -> npt.NDArray[np.bool_]:
        """Tell which rows have a neighbour."""
        generator = torch.Generator().manual_seed(0)  # decides how soon an answer is found, not which
        reachable = np.zeros(len(self._home), np.bool_)
        for rows in np.array_split(np.arange(len(reachable)), -(-len(reachable) // ROWS_AT_ONCE)):
            drawn, waiting = self._proposed(rows, FIRST_ROUNDS, generator)
            reachable[rows] = drawn >= 0
            if self._tree is not None:
                here, closest = rows[waiting], np.zeros_like(waiting)
                found = nearest(self._tree, here, closest, self._first, self._last, np.nextafter(EDGE, np.inf))
                reachable[here] = found >= 0
        return reachable

    def draw(self, rows: Rows, generator: torch.Generator) -> Rows:
        """Return a uniform neighbour of each row; -1 for a row that has none."""
        drawn, waiting = self._proposed(rows, ROUNDS, generator)
        listed = [self._listed(int(row)) for row in rows[waiting]]
        lengths = np.array([len(neighbours) for neighbours in listed], np.int64)
        ranks = below(torch.from_numpy(np.maximum(lengths, 1)), generator).numpy()
        for place, neighbours, rank in zip(waiting, listed, ranks, strict=True):
            drawn[place] = neighbours[rank] if len(neighbours) else -1
        return drawn

    def _proposed(self, rows: Rows, rounds: int, generator: torch.Generator) -> tuple[Rows, Rows]:
        """Return a uniform neighbour of each row, -1 where none was found, and the places where one may be found yet.

        Round r proposes 2^r rows at once, of which the first that is within the bandwidth is kept.
        """
        begins, counts = self._proposals(rows)
        sums = np.cumsum(counts, axis=1)
        drawn = np.full(len(rows), -1)
        waiting = np.flatnonzero(sums[:, -1])
        for tries in (2**number for number in range(rounds)):
            if len(waiting) == 0:
                break
            here = np.repeat(waiting, tries)
            ranks = below(torch.from_numpy(sums[here, -1]), generator).numpy()
            part = (sums[here] <= ranks[:, None]).sum(1)
            within_part = ranks - sums[here, part] + counts[here, part]
            proposed = self._codes[begins[here, part] + within_part] % len(self._home)
            kept = (self._space.distances(rows[here], proposed) <= EDGE).reshape(-1, tries)
            done = kept.any(1)
            drawn[waiting[done]] = proposed.reshape(-1, tries)[done, kept[done].argmax(1)]
            waiting = waiting[~done]
        return drawn, waiting

    def _numbers(self, classes: Rows, cells: Rows) -> Rows:
        """Return the integer of each class and cell; a row's code is this times the number of rows, plus its place."""
        numbers = classes
        for column, count in enumerate(self._cells):
            numbers = numbers * count + cells[..., column]
        return numbers

    def _steps(self) -> Rows:
        """Return the steps to the cells around one, and to itself, of shape (cells, labels)."""
        steps = [
            FEW_CELLS_AROUND.get(count, (-1, 0, 1)) if around else (-1, 0, 1)
            for count, around in zip(self._cells.tolist(), self._periodic, strict=True)
        ]
        return np.array([*itertools.product(*steps)], np.int64).reshape(math.prod(map(len, steps)), len(steps))

    def _cells_around(self, classes: Rows, cells: Rows) -> npt.NDArray[np.int32]:
        """Return which of the occupied cells lie around each of some cells, the one without rows for others."""
        around = cells[:, None] + self._steps()
        around = np.where(self._periodic, around % self._cells, around)
        inside = ((around >= 0) & (around < self._cells)).all(-1)
        numbers = self._numbers(classes[:, None], np.clip(around, 0, self._cells - 1))
        places = np.minimum(np.searchsorted(self._occupied, numbers), len(self._occupied) - 1)
        return np.where(inside & (self._occupied[places] == numbers), places, len(self._occupied)).astype(np.int32)

    def _proposals(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return where runs of proposals begin among the sorted rows, and their lengths, each (rows, runs).

        A cell is one run, or two if rows near in time lie in it: the row itself is searched in its own cell, others
        near in time in all the cells around it that hold rows.
        """
        home, first, last = self._home[rows], self._first[rows], self._last[rows]
        places = self._around[home]
        start, end = self._begins[places], self._begins[places + 1]
        before, after = start.copy(), start.copy()
        cut = np.nonzero((start < end) & ((first < last)[:, None] | (places == home[:, None])))
        # One after the other, searches find what they need in the cache, however many rows there are.
        in_order = np.argsort(places[cut])
        cut = cut[0][in_order], cut[1][in_order]
        least = self._occupied[places[cut]] * len(self._home)
        before[cut] = np.searchsorted(self._codes, least + first[cut[0]])
        after[cut] = np.searchsorted(self._codes, least + last[cut[0]] + 1)
        begins, counts = np.stack((start, after), -1), np.stack((before - start, end - after), -1)
        return begins.reshape(len(rows), -1), counts.reshape(len(rows), -1)

    def _listed(self, row: int) -> Rows:
        if self._tree is None:  # every proposal is kept, and none is waiting
            return np.empty(0, np.int64)
        neighbours = np.array(self._tree.query_ball_point(self._tree.data[row], EDGE, p=np.inf), np.int64)
        return np.sort(neighbours[(neighbours < self._first[row]) | (neighbours > self._last[row])])
