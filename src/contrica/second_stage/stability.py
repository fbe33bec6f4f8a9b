"""Do resampled rows give the same axes? Each axis is matched with its nearest in every bootstrap solution.

    stability_i = mean_b |cos(w_i, w_pi_b(i))|,    in coordinates in which the axes w of all rows are orthonormal

A solution that is one of many (a rotation within two normal components) gives .9 for a plane and less for more
dimensions; a solution that is off by its sampling error gives 1 minus half the squared error in radians.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from contrica.second_stage.evidence import Evidence
from contrica.second_stage.tables import Table

LEAST_STABILITY = 0.95
"""Halfway between 1 and the .90 of two axes that are drawn at random in their plane."""

RESAMPLES = 12
"""The mean of 12 cosines of random axes of a plane, each with standard deviation .1, is above .95 in 5 % of cases;
this is a second line behind the tests at level .01, and a refit is what costs time here."""


def stability(unmixing: Table, resampled: Sequence[Table], of: str) -> Evidence:
    """Compare the rows of ``unmixing`` with those of unmixings of resampled rows.

    Examples
    --------
    >>> stability(np.eye(2), [np.array([[0.0, 2.0], [-1.0, 0.0]])], "codes").value   # order, sign and scale aside
    1.0
    """
    cosines = np.mean([_matched(table @ np.linalg.inv(unmixing)) for table in resampled], axis=0)
    least, where = float(cosines.min()), int(cosines.argmin())
    words = f"axes of resampled {of} agree by a cosine of {least:.3f} or more"
    if least < LEAST_STABILITY:
        words = f"axis {where} of resampled {of} agrees by a cosine of {least:.3f} only ({LEAST_STABILITY:g} needed)"
    return Evidence("least mean cosine over resamples", least, LEAST_STABILITY, least >= LEAST_STABILITY, words)


def _matched(directions: Table) -> Table:
    cosines = np.abs(directions) / np.linalg.norm(directions, axis=1, keepdims=True)
    found, original = linear_sum_assignment(cosines, maximize=True)
    return np.asarray(cosines[found, original][np.argsort(original)])
