"""Correlations of columns, and their resampled values from resampled moments.

    corr(x, y) = (mean xy - mean x mean y) / sqrt( (mean x^2 - mean(x)^2) (mean y^2 - mean(y)^2) )

Columns are standardised before they are multiplied, so the subtraction loses nothing. A constant column correlates 0.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np
from scipy.stats import rankdata

from contrica.evaluation.intervals import Resampling
from contrica.evaluation.tables import Table, standardise

Kind: TypeAlias = Literal["pearson", "spearman"]

FLAT_PRODUCT = 1e-20
"""Of two columns with variances of order 1, one is constant but for rounding when their product is below this."""


def correlations(codes: Table, factors: Table, *, kind: Kind = "pearson") -> Table:
    """Correlation of every code with every factor, of shape (code_dim, factor_dim)."""
    if kind == "spearman":
        codes, factors = rankdata(codes, axis=0), rankdata(factors, axis=0)
    return np.asarray(np.clip(standardise(codes).T @ standardise(factors) / len(codes), -1.0, 1.0))


def resampled_correlations(resampling: Resampling, left: Table, right: Table) -> tuple[Table, Table]:
    """Pearson's correlation of column k of both tables, and its resampled values of shape (resamples, columns)."""
    left, right = standardise(left), standardise(right)
    product = left * right
    means = resampling.means(np.concatenate([left, right, np.square(left), np.square(right), product], axis=1))
    left_mean, right_mean, left_square, right_square, product_mean = np.split(means, 5, axis=1)
    resampled = correlation_of_moments(
        product_mean - left_mean * right_mean,
        left_square - np.square(left_mean),
        right_square - np.square(right_mean),
    )
    return product.mean(axis=0).clip(-1.0, 1.0), resampled


def cross_correlations(resampling: Resampling, left: Table, right: Table) -> Iterator[Table]:
    """Yield, for each column of ``left``, its resampled Pearson correlations with every column of ``right``.

    One column at a time, so that memory grows with rows times columns and not with pairs of columns.
    """
    left, right = standardise(left), standardise(right)
    left_mean, right_mean = resampling.means(left), resampling.means(right)
    left_variance = resampling.means(np.square(left)) - np.square(left_mean)
    right_variance = resampling.means(np.square(right)) - np.square(right_mean)
    for k in range(left.shape[1]):
        mean, variance = left_mean[:, k, None], left_variance[:, k, None]
        covariance = resampling.means(left[:, k, None] * right) - mean * right_mean
        yield correlation_of_moments(covariance, variance, right_variance)


def correlation_of_moments(covariance: Table, left_variance: Table, right_variance: Table) -> Table:
    """``covariance / sqrt(left_variance right_variance)``, 0 where a column does not vary, never beyond 1."""
    product = np.maximum(left_variance, 0.0) * np.maximum(right_variance, 0.0)
    quotient = np.zeros(np.shape(covariance))
    np.divide(covariance, np.sqrt(product), out=quotient, where=product > FLAT_PRODUCT)
    return np.clip(quotient, -1.0, 1.0)
