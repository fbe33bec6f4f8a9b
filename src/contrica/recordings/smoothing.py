"""Sums and means over neighbouring rows that never reach into another piece."""

import numpy as np

from contrica.recordings.task import Array


def summed(values: Array, pieces: Array, width: int) -> tuple[Array, Array]:
    """Return sums over windows of ``width`` rows that lie within a piece, and the middle row of each.

    >>> sums, middles = summed(np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1]), 3)
    >>> sums[:, 0].tolist(), middles.tolist()
    ([3.0, 12.0], [1, 4])
    """
    sums = np.lib.stride_tricks.sliding_window_view(values, width, axis=0).sum(-1)
    whole = np.flatnonzero(pieces[: len(sums)] == pieces[width - 1 :])
    return sums[whole], whole + width // 2


def within(values: Array, pieces: Array, reach: int) -> Array:
    """Return means over the rows of the same piece at most ``reach`` rows away; pieces may be of any length.

    >>> within(np.array([[0.0], [2.0], [4.0], [9.0]]), np.array([0, 0, 0, 1]), 1)[:, 0].tolist()
    [1.0, 2.0, 3.0, 9.0]
    """
    means = np.empty(values.shape, np.float32)
    for row in range(len(values)):
        near = np.arange(max(0, row - reach), min(len(values), row + reach + 1))
        means[row] = values[near[pieces[near] == pieces[row]]].mean(0)
    return means
