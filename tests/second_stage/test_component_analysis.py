import numpy as np
import pytest

from contrica.errors import NotIdentifiableError
from contrica.second_stage.component_analysis import supported_unmixing
from mixed_factors import matched_correlation


def found_in(table, seed=0):
    generator = np.random.default_rng(seed)
    return supported_unmixing(table, "codes", assumption="so it is", advice="try again", generator=generator)


def test_what_passes_comes_with_all_three_findings():
    factors = np.random.default_rng(0).uniform(size=(1000, 3))
    table = factors @ np.random.default_rng(1).normal(size=(3, 3))
    unmixing, evidence = found_in(table)
    assert matched_correlation(table @ unmixing.T, factors) > 0.99
    assert [each.holds for each in evidence] == [True, True, True]


@pytest.mark.slow
def test_normality_is_tested_on_rows_that_were_not_fitted():
    rng = np.random.default_rng(0)
    refused = 0
    for seed in range(60):
        try:
            found_in(rng.normal(size=(100, 2)), seed)
        except NotIdentifiableError as refusal:
            refused += "cannot be told from normal" in str(refusal)
    assert refused >= 57  # .6 draws pass at level .01; rows that were fitted pass in several times as many


def test_a_spherical_law_is_refused_for_dependence():
    rng = np.random.default_rng(0)
    with pytest.raises(NotIdentifiableError, match="squares of two components of the codes correlate"):
        found_in(rng.normal(size=(3000, 3)) * rng.exponential(size=(3000, 1)))


def test_a_value_in_a_single_row_is_refused_and_breaks_nothing():
    table = np.random.default_rng(0).uniform(size=(200, 2))
    table[:, 1] = 0.0
    table[17, 1] = 1.0
    for seed in range(4):
        with pytest.raises(NotIdentifiableError):
            found_in(table, seed)
