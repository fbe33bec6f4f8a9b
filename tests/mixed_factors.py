"""Factors, pairs and what an affine encoder would make of them, for tests of what comes after it."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def matched_correlation(components, factors):
    """Mean absolute correlation of factors with components under the best one-to-one matching."""
    dim = factors.shape[1]
    table = np.abs(np.corrcoef(components.T, factors.T)[:dim, dim:])
    return table[linear_sum_assignment(table, maximize=True)].mean()


def mixed(factors, positives, *, generator):
    """Codes of both: the factors through one random square matrix."""
    matrix = generator.normal(size=(factors.shape[1], factors.shape[1]))
    return factors @ matrix.T, positives @ matrix.T


def equicorrelated(rows, dim, correlation, *, generator):
    """Draw normal factors, any two of which have the given correlation."""
    shared, own = generator.normal(size=(rows, 1)), generator.normal(size=(rows, dim))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


def kept_in_unit_box(factors, draw):
    """Add noise to factors of the unit box, drawn anew where it leaves the box."""
    positives = factors + draw(factors.shape)
    while (outside := (positives < 0) | (positives > 1)).any():
        positives = np.where(outside, factors + draw(factors.shape), positives)
    return positives
