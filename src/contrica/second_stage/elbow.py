"""The number of codes from which held-out loss stops falling: the elbow of the loss over the code dimension.

    elbow = min { d : loss_d - min loss <= multiple * sqrt(se_d^2 + se_best^2) }

With fewer codes than factors the optimum of every loss is out of reach; with as many or more it is the same. So the
smallest dimension that is as good as the best one, within the errors, is the number of factors. Losses that were
measured on the same pairs have smaller errors in their differences, which makes the rule cautious towards few codes.
Reference: the one-standard-error rule of Breiman, Friedman, Olshen, Stone, Classification and Regression Trees, 1984.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from contrica import _checks
from contrica.errors import DomainError, ShapeError


@dataclass(frozen=True)
class Elbow:
    """The smallest code dimension that is as good as the best.

    Parameters
    ----------
    dim : int
        The elbow.
    excess : tuple of float
        Loss above the best, in nats, in the order of ``dims``.
    bracketed : bool
        Whether a smaller dimension was tried and found worse; otherwise ``dim`` is an upper bound.
    """

    dim: int
    excess: tuple[float, ...]
    bracketed: bool


def loss_elbow(
    dims: Sequence[int], losses: Sequence[float], standard_errors: Sequence[float], *, multiple: float = 2.0
) -> Elbow:
    """Find the elbow of held-out losses.

    Parameters
    ----------
    dims : sequence of int
        Code dimensions that were tried, rising.
    losses : sequence of float
        Held-out loss of each, in nats, on equal terms: same pairs, same number of negatives.
    standard_errors : sequence of float
        Their standard errors; spread over training seeds belongs in them.
    multiple : float
        Standard errors of the difference within which two losses count as equal.

    Raises
    ------
    DomainError
        If only the largest dimension is good enough, so that the loss may fall further; or if a value is not finite,
        a standard error negative or the dimensions not rising.
    ShapeError
        If the three are not of equal length, at least 2.

    Examples
    --------
    >>> loss_elbow([2, 3, 4, 5], [2.0, 1.5, 1.21, 1.2], [0.01] * 4).dim
    4
    """
    if not len(dims) == len(losses) == len(standard_errors) >= 2:
        raise ShapeError(
            "dims, losses and standard_errors must have one entry per run and at least two, got"
            f" {len(dims)}, {len(losses)} and {len(standard_errors)}; pass them for every dimension tried"
        )
    tried = [_checks.count(dim, "every entry of dims") for dim in dims]
    values = np.array([_checks.finite(loss, "every entry of losses") for loss in losses])
    errors = np.array([_checks.finite(error, "every entry of standard_errors") for error in standard_errors])
    if any(small >= large for small, large in pairwise(tried)) or (errors < 0).any():
        raise DomainError(
            f"dims must rise and standard_errors be 0 or more, got {tried} and {errors.tolist()}; sort the runs by dim"
        )
    best = int(values.argmin())
    excess = values - values[best]
    allowed = _checks.positive(multiple, "multiple") * np.hypot(errors, errors[best])
    first = int(np.flatnonzero(excess <= allowed)[0])
    if first == len(tried) - 1:
        raise DomainError(
            f"the loss must stop falling within dims, but at {tried[-1]} codes it is still clearly below all others;"
            " train with more codes"
        )
    return Elbow(tried[first], tuple(excess.tolist()), first > 0)
