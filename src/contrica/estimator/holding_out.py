"""Which rows are left out of training to see when it goes too far: whole groups, or blocks of time.

Rows that follow each other are nearly copies, so rows held out one by one would be known from their neighbours.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from contrica.errors import DomainError
from contrica.estimator.row_order import RowOrder
from contrica.estimator.sources import DrawnRows, Pairing, Rows
from contrica.pairs import PairBatch

LEAST_GROUPS = 5
"""From so many groups on whole ones are held out, otherwise blocks: of three groups, one is too much to miss."""

LEAST_LEFT = 10
"""Rows to train on where others are held out."""

MOST_BLOCKS = 5
"""Blocks lie one in each of so many equal stretches of the recording."""

LEAST_ROWS = 50
"""With fewer rows held out their loss would say more of these rows than of the encoder."""

LAGS_PER_BLOCK = 4
"""A block has at least so many times the longest lag in rows, so that most of its rows have their positive in it."""

HELD_OUT_BATCHES = 4
"""Batches of held-out pairs on which the loss is taken during training."""


def held_out(
    order: RowOrder, fraction: float, *, longest_lag: int, generator: torch.Generator
) -> npt.NDArray[np.bool_] | None:
    """Return which places of ``order`` are held out, or None where there are too few rows to do so.

    Parameters
    ----------
    order : RowOrder
        Places in order of time.
    fraction : float
        Share of the rows that are wanted.
    longest_lag : int
        In rows, 0 where time does not make the pairs.
    generator : torch.Generator
        Says which groups, or where in each stretch the block lies.
    """
    num_rows = len(order.rows)
    wanted = round(fraction * num_rows)
    if wanted < LEAST_ROWS:
        return None
    counts = np.bincount(order.groups)
    if len(counts) >= LEAST_GROUPS:
        shuffled = torch.randperm(len(counts), generator=generator).numpy()
        enough = int(np.searchsorted(np.cumsum(counts[shuffled]), wanted)) + 1
        return np.isin(order.groups, shuffled[: min(enough, len(counts) - 1)])
    blocks = min(MOST_BLOCKS, wanted // max(1, LAGS_PER_BLOCK * longest_lag))
    if blocks == 0:
        return None
    chosen = np.zeros(num_rows, np.bool_)
    edges = np.linspace(0, num_rows, blocks + 1).astype(np.int64)
    size = wanted // blocks
    for start, end in pairwise(edges):
        first = int(start) + int(torch.randint(int(end - start) - size + 1, (), generator=generator))
        chosen[first : first + size] = True
    return chosen


@dataclass(frozen=True, eq=False)
class Split:
    """A source of the rows to train on, one of those held out, if there are, and batches of pairs of these."""

    source: DrawnRows
    apart: DrawnRows | None
    batches: list[PairBatch]


def split_rows(pairing: Pairing, rows: Rows, *, fraction: float, batch_size: int, generator: torch.Generator) -> Split:
    """Hold out a share of the rows; none where what is held out or what remains would leave no pairs."""
    order = rows.order
    held = held_out(order, fraction, longest_lag=pairing.rules.longest_lag, generator=generator)
    if held is not None:
        if np.count_nonzero(~held) < LEAST_LEFT:
            raise DomainError(
                f"validation_fraction must leave at least {LEAST_LEFT} rows to train on, got {fraction} of"
                f" {len(held)}; pass a share such as 0.1"
            )
        try:
            source, apart = (pairing.source(rows, order.part(chosen)) for chosen in (~held, held))
            size = min(batch_size, apart.num_rows)
            return Split(source, apart, [apart.draw(size, generator=generator) for _ in range(HELD_OUT_BATCHES)])
        except DomainError:
            pass
    return Split(pairing.source(rows, order), None, [])
