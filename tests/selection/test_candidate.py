import pytest

from contrica.selection import Candidate


def candidate(*exponents):
    return Candidate(1.0, True, exponents, 1.0, 0.1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("exponents", "side"),
    [
        ((1.0, 1.1, 0.9), "below 2"),
        ((3.0, 2.5, 6.0), "above 2"),
        ((2.0, 2.1, 1.0), "near 2"),
        ((2.0, 1.0, 1.0), "below 2"),  # one quadratic term among others cannot turn against them
        ((1.0, 3.0, 3.0), "either side of 2"),
        ((2.05,), "near 2"),
    ],
)
def test_two_exponents_near_two_leave_the_axes_free_and_one_does_not(exponents, side):
    assert candidate(*exponents).side == side


def test_a_learned_candidate_is_told_from_a_fixed_one_by_its_name():
    assert candidate(1.2).name == "learned from 1"
    assert Candidate(1.0, False, (1.0,), 1.0, 0.1, 0.0, 0.0).name == "exponent 1"
