"""The loss of a choice among a row's candidates for changed logits, against the unchanged ones on the same pairs.

    L_i = log( exp(s_ii) + sum_j exp(s_ij) ) - s_ii,      gap = mean_i [ L_i(changed) - L_i(unchanged) ]

which is InfoNCE among the candidates of a block, a proper loss for the log ratio whatever the critic was trained with:
it is minimal, in expectation, at logits that are right up to a function of the row. Both are taken on the same pairs,
so that the luck of the draw cancels; the standard error is the infinitesimal jackknife over pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica.diagnosis.held_out import Block, HeldOut
from contrica.diagnosis.missing_terms import squares_around


@dataclass(frozen=True, eq=False)
class Contribution:
    """What each row and each candidate of a block contributes to the loss."""

    rows: Tensor
    columns: Tensor

    def minus(self, other: "Contribution") -> "Contribution":
        """Return the difference."""
        return Contribution(self.rows - other.rows, self.columns - other.columns)


def contribution(positive_logits: Tensor, other_logits: Tensor) -> Contribution:
    """Return the loss of each row, and its slope in the weight of each candidate, summed over rows."""
    total = torch.logsumexp(torch.cat((positive_logits[:, None], other_logits), 1), 1)
    return Contribution(total - positive_logits, (other_logits - total[:, None]).exp().sum(0))


def mean_and_error(
    held_out: HeldOut, contributions: Sequence[Contribution], blocks: Sequence[Block]
) -> tuple[float, float]:
    """Return the mean over rows, and its standard error over units."""
    units = held_out.units.numpy()
    by_unit = np.zeros(int(units.max()) + 1)
    by_column: npt.NDArray[np.float64] = np.zeros(len(held_out.others.codes))
    sizes = np.zeros(len(by_unit))
    for part, block in zip(contributions, blocks, strict=True):
        np.add.at(by_unit, units[block.rows.numpy()], part.rows.numpy())
        np.add.at(sizes, units[block.rows.numpy()], 1.0)
        np.add.at(by_column, block.columns.numpy(), part.columns.numpy())
    mean = float(by_unit.sum() / sizes.sum())
    if held_out.shares_rows:
        np.add.at(by_unit, units, by_column)
        squares = squares_around(by_unit, sizes)
    else:
        squares = squares_around(by_unit, sizes) + squares_around(by_column, np.ones(len(by_column)))
    return mean, float(np.sqrt(squares) / sizes.sum())
