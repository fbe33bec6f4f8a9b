"""Orders of the rows of trials that keep what is within blocks, within a turned trial, or within each trial.

A shuffle is a permutation of rows, drawn uniformly from a group of them: one after another makes a third. So the order
as it is is one of as many that are equally likely where there is nothing to find. Blocks are of equal length for this,
and the rows that are left over at the end of a trial stay where they are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from contrica import _checks
from contrica.errors import DomainError

Rows = npt.NDArray[np.int64]
Shuffle = Literal["rows", "blocks", "shifts", "trials"]

BLOCKS = 20
"""Blocks that the longest trial is cut into if no length is given."""


@dataclass(frozen=True, eq=False)
class Shuffles:
    """A set of orders.

    Parameters
    ----------
    trials : tuple of arrays
        The rows of each trial, in order.
    shuffle : {"rows", "blocks", "shifts", "trials"}
    block_length : int
        Rows of a block; of use for "blocks" only.
    log_ways : float
        Logarithm of how many orders there are.
    words : str
        How rows are shuffled.
    """

    trials: tuple[Rows, ...]
    shuffle: Shuffle
    block_length: int
    log_ways: float
    words: str

    @classmethod
    def of(cls, trial_of_row: Rows, shuffle: Shuffle, block_length: int | None) -> Self:
        """Return the set for rows whose trials are numbered from 0.

        Raises
        ------
        DomainError, DtypeError
            If ``block_length`` is no positive whole number, or given for another shuffle.
        """
        trials = tuple(np.flatnonzero(trial_of_row == trial) for trial in range(int(trial_of_row.max()) + 1))
        lengths = np.array([len(rows) for rows in trials])
        if block_length is not None and shuffle != "blocks":
            raise DomainError(f"block_length is for shuffle='blocks', got shuffle={shuffle!r}; leave it out")
        length = max(1, int(lengths.max()) // BLOCKS)
        length = length if block_length is None else _checks.count(block_length, "block_length")
        ways: Callable[[int], float]
        if shuffle == "rows":
            words, sizes, ways = "row by row", lengths, _log_factorial
        elif shuffle == "blocks":
            words, sizes, ways = f"in blocks of {length} rows", lengths // length, _log_factorial
        elif shuffle == "shifts":
            words, sizes, ways = "by turning trials around", lengths, math.log
        else:
            words, sizes, ways = (
                "among trials of equal length",
                np.unique(lengths, return_counts=True)[1],
                _log_factorial,
            )
        return cls(trials, shuffle, length, sum(ways(int(size)) for size in sizes), words)

    def draw(self, generator: np.random.Generator) -> Rows:
        """Return the row that comes to stand in the place of each row."""
        order = np.empty(sum(map(len, self.trials)), np.int64)
        if self.shuffle == "trials":
            for length in {len(rows) for rows in self.trials}:
                alike = [rows for rows in self.trials if len(rows) == length]
                for rows, other in zip(alike, generator.permutation(len(alike)), strict=True):
                    order[rows] = alike[other]
            return order
        for rows in self.trials:
            order[rows] = rows[self._within(len(rows), generator)]
        return order

    def _within(self, length: int, generator: np.random.Generator) -> Rows:
        if self.shuffle == "rows":
            return generator.permutation(length)
        if self.shuffle == "shifts":
            return (np.arange(length) + generator.integers(length)) % length
        whole = length // self.block_length
        blocks = np.arange(whole * self.block_length).reshape(whole, self.block_length)
        return np.concatenate((blocks[generator.permutation(whole)].ravel(), np.arange(blocks.size, length)))


def _log_factorial(count: int) -> float:
    return math.lgamma(count + 1)
