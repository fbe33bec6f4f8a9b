import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import ContricaError, DomainError, ShapeError
from contrica.second_stage import loss_elbow

DIMS = [2, 3, 4, 5, 6]
LOSSES = [2.0, 1.5, 1.21, 1.2, 1.205]


def test_the_smallest_dimension_within_the_errors_of_the_best_is_the_elbow():
    found = loss_elbow(DIMS, LOSSES, [0.01] * 5)
    assert found.dim == 4
    assert found.bracketed
    assert found.excess == pytest.approx((0.8, 0.3, 0.01, 0.0, 0.005))


def test_errors_of_both_losses_count():
    assert loss_elbow(DIMS, LOSSES, [0.0, 0.0, 0.004, 0.0, 0.0]).dim == 5
    assert loss_elbow(DIMS, LOSSES, [0.0, 0.0, 0.004, 0.0031, 0.0]).dim == 4
    assert loss_elbow(DIMS, LOSSES, [0.0, 0.0, 0.004, 0.0, 0.0], multiple=3.0).dim == 4


def test_an_elbow_at_the_first_dimension_is_an_upper_bound():
    found = loss_elbow([4, 5], [1.2, 1.2], [0.01, 0.01])
    assert (found.dim, found.bracketed) == (4, False)


def test_a_loss_that_still_falls_is_refused():
    with pytest.raises(DomainError, match="at 6 codes it is still clearly below"):
        loss_elbow(DIMS, [2.0, 1.5, 1.2, 1.1, 1.0], [0.01] * 5)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_the_unit_and_the_zero_of_the_loss_change_nothing(shift, scale):
    moved = loss_elbow(DIMS, [scale * loss + shift for loss in LOSSES], [0.02 * scale] * 5)
    assert moved.dim == loss_elbow(DIMS, LOSSES, [0.02] * 5).dim


@pytest.mark.parametrize(
    ("dims", "losses", "errors", "error"),
    [
        ([2, 3], [1.0], [0.1, 0.1], ShapeError),
        ([2], [1.0], [0.1], ShapeError),
        ([3, 2], [1.0, 1.0], [0.1, 0.1], DomainError),
        ([2, 2], [1.0, 1.0], [0.1, 0.1], DomainError),
        ([0, 2], [1.0, 1.0], [0.1, 0.1], DomainError),
        ([2, 3], [1.0, math.nan], [0.1, 0.1], DomainError),
        ([2, 3], [1.0, 1.0], [0.1, -0.1], DomainError),
        ([2, 3], [1.0, 1.0], [0.1, math.inf], DomainError),
        ([2.5, 3], [1.0, 1.0], [0.1, 0.1], ContricaError),
    ],
)
def test_lists_that_describe_no_runs_are_refused(dims, losses, errors, error):
    with pytest.raises(error):
        loss_elbow(dims, losses, errors)
