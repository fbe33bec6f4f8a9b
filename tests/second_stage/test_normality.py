import numpy as np
import pytest
from scipy.stats import chi2, kurtosistest, skewtest

from contrica.second_stage.normality import non_normality


def columns(normal, laplace, rows=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.hstack([rng.normal(size=(rows, normal)), rng.laplace(size=(rows, laplace))])


def test_the_p_value_is_twice_the_second_largest():
    table = columns(2, 2, rows=60)
    singles = [chi2.sf(skewtest(y).statistic ** 2 + kurtosistest(y).statistic ** 2, 2) for y in table.T]
    assert non_normality(table, "codes").value == pytest.approx(min(1.0, 2 * sorted(singles)[2]))


@pytest.mark.parametrize(("normal", "holds"), [(0, True), (1, True), (2, False), (4, False)])
def test_one_normal_component_is_allowed_and_two_are_not(normal, holds):
    found = non_normality(columns(normal, 4 - normal), "codes")
    assert found.holds is holds
    assert (found.value <= found.bound) is holds


def test_the_normal_components_are_named():
    assert "components 0, 1 of the pair differences" in non_normality(columns(2, 2), "pair differences").words
    assert "component 0 may be" in non_normality(columns(1, 2), "codes").words


@pytest.mark.slow
def test_two_normal_components_pass_in_one_per_cent_of_draws():
    passed = sum(non_normality(columns(2, 1, rows=200, seed=seed), "codes").holds for seed in range(400))
    assert passed <= 11  # a Poisson count of mean 4 is above 11 in .1 % of cases


def test_a_component_that_does_not_move_counts_as_normal():
    table = columns(0, 3)
    table[:, :2] = 3.0
    assert not non_normality(table, "codes").holds
