"""Spearman's correlation and its resampled values, without ranking anew in every resample.

    u_i = F(x_i) - 1/2,  v_i = G(y_i) - 1/2,   F(x) = share of rows below x + half the share at x,
    rho = c(x, y) / sqrt(c(x, x) c(y, y)),     c(x, y) = mean_i u_i v_i

A resample changes the weights of the rows and with them the ranks. To first order in the change of weights,

    c*(x, y) = mean*_i [ u_i v_i + a_i(x, v) + a_i(y, u) ] - a constant,    a_i(x, v) = mean_j [x_i < x_j] v_j,

a tie counting one half, which is a mean of row statistics. Reference: Hajek's projection, van der Vaart, Asymptotic
Statistics, 1998, section 11.3. The error is of second order, 1/rows.
"""

import numpy as np

from contrica.evaluation.correlation import correlation_of_moments
from contrica.evaluation.intervals import Resampling
from contrica.evaluation.tables import Table


def resampled_rank_correlations(resampling: Resampling, left: Table, right: Table) -> tuple[Table, Table]:
    """Spearman's correlation of column k of both tables, and its resampled values of shape (resamples, columns)."""
    x, y = _Ranked(left), _Ranked(right)
    covariance = (x.centred * y.centred).mean(axis=0)
    x_variance, y_variance = np.square(x.centred).mean(axis=0), np.square(y.centred).mean(axis=0)
    projections = [
        x.centred * y.centred + x.above(y.centred) + y.above(x.centred),
        np.square(x.centred) + 2.0 * x.above(x.centred),
        np.square(y.centred) + 2.0 * y.above(y.centred),
    ]
    changes = resampling.means(np.concatenate([each - each.mean(axis=0) for each in projections], axis=1))
    in_product, in_x, in_y = np.split(changes, 3, axis=1)
    return (
        correlation_of_moments(covariance, x_variance, y_variance),
        correlation_of_moments(covariance + in_product, x_variance + in_x, y_variance + in_y),
    )


class _Ranked:
    """Columns as centred mid-distribution values, with the sums over larger rows that the projection needs."""

    def __init__(self, table: Table) -> None:
        rows = np.arange(len(table))[:, None]
        self.order = np.argsort(table, axis=0)
        ordered = np.take_along_axis(table, self.order, 0)
        rises = ordered[1:] > ordered[:-1]
        edge = np.ones((1, table.shape[1]), dtype=np.bool_)
        first = np.maximum.accumulate(np.where(np.concatenate([edge, rises]), rows, 0), axis=0)
        last = np.minimum.accumulate(np.where(np.concatenate([rises, edge]), rows, len(table))[::-1], axis=0)[::-1]
        self.below, self.not_above = np.empty_like(self.order), np.empty_like(self.order)
        np.put_along_axis(self.below, self.order, first, 0)
        np.put_along_axis(self.not_above, self.order, last + 1, 0)
        self.centred = (self.below + self.not_above) / (2.0 * len(table)) - 0.5

    def above(self, values: Table) -> Table:
        """Mean over rows j of ``values_j`` where row j lies above row i, and of half of it where they tie."""
        running = np.concatenate(
            [np.zeros((1, values.shape[1])), np.cumsum(np.take_along_axis(values, self.order, 0), 0)]
        )
        below = np.take_along_axis(running, self.below, 0)
        not_above = np.take_along_axis(running, self.not_above, 0)
        return np.asarray((running[-1] - (below + not_above) / 2.0) / len(values))
