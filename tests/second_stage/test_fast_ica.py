import numpy as np
import pytest

from contrica.second_stage.fast_ica import unmixing_of
from mixed_factors import matched_correlation


@pytest.mark.parametrize("law", ["uniform", "laplace", "exponential"])
def test_independent_factors_are_unmixed(law):
    rng = np.random.default_rng(0)
    factors = getattr(rng, law)(size=(2000, 4))
    table = factors @ rng.normal(size=(4, 4))
    assert matched_correlation(table @ unmixing_of(table, "codes", generator=rng).T, factors) > 0.995


def test_components_are_uncorrelated_with_variance_1():
    table = np.random.default_rng(0).uniform(size=(500, 3)) @ np.array(
        [[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [4.0, 0.0, 1.0]]
    )
    unmixing = unmixing_of(table, "codes", generator=np.random.default_rng(1))
    np.testing.assert_allclose(np.cov((table @ unmixing.T).T, bias=True), np.eye(3), atol=1e-9)


def test_no_warning_leaks_from_a_solver_that_has_nothing_to_converge_to(recwarn):
    rng = np.random.default_rng(0)
    for _ in range(5):
        unmixing_of(rng.normal(size=(200, 6)), "codes", generator=rng)
    assert list(recwarn) == []
