import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contrica.errors import NotIdentifiableError
from contrica.second_stage import axes_from_independent_marginals
from mixed_factors import equicorrelated, matched_correlation


def uniform_codes(rows=2000, dim=10, residual=0.0):
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(rows, dim))
    codes = (factors + residual * factors.std() * rng.normal(size=factors.shape)) @ rng.normal(size=(dim, dim))
    return codes, factors


@pytest.mark.slow
@pytest.mark.parametrize("residual", [0.0, 0.1])
def test_ten_uniform_factors_are_found_in_two_thousand_rows(residual):
    codes, factors = uniform_codes(residual=residual)
    axes = axes_from_independent_marginals(codes, random_state=0)
    assert matched_correlation(codes, factors) < 0.75
    assert matched_correlation(axes.transform(codes), factors) > 0.99
    assert axes.method == "ICA on codes"


def test_one_normal_factor_among_others_is_found_too():
    rng = np.random.default_rng(0)
    factors = np.hstack([rng.normal(size=(3000, 1)), rng.uniform(size=(3000, 2))])
    codes = factors @ rng.normal(size=(3, 3))
    axes = axes_from_independent_marginals(codes, random_state=0)
    assert matched_correlation(axes.transform(codes), factors) > 0.99


def test_two_normal_factors_among_others_are_refused():
    rng = np.random.default_rng(0)
    factors = np.hstack([rng.normal(size=(2000, 2)), rng.uniform(size=(2000, 3))])
    with pytest.raises(NotIdentifiableError, match="at most one is normal"):
        axes_from_independent_marginals(factors, random_state=0)


@pytest.mark.slow
def test_factors_with_a_strong_common_part_are_refused():
    from scipy.stats import norm

    factors = norm.cdf(equicorrelated(4000, 5, 0.8, generator=np.random.default_rng(0)))
    with pytest.raises(NotIdentifiableError, match="squares of two components"):
        axes_from_independent_marginals(factors, random_state=0)


def test_weakly_dependent_factors_pass_and_cost_what_the_documentation_says():
    from scipy.stats import norm

    factors = norm.cdf(equicorrelated(4000, 5, 0.3, generator=np.random.default_rng(0)))
    found = matched_correlation(axes_from_independent_marginals(factors, random_state=0).transform(factors), factors)
    assert found == pytest.approx(0.97, abs=0.01)


@pytest.mark.slow
@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_another_affine_map_of_the_codes_gives_the_same_components(seed):
    codes, _ = uniform_codes(rows=1000, dim=3)
    moved = codes @ np.random.default_rng(seed).normal(size=(3, 3)) + 5.0
    first = axes_from_independent_marginals(codes, random_state=0).transform(codes)
    second = axes_from_independent_marginals(moved, random_state=0).transform(moved)
    assert matched_correlation(first, second) > 1 - 1e-6


def test_the_same_seed_gives_the_same_axes():
    codes, _ = uniform_codes(rows=500, dim=3)
    first, second = (axes_from_independent_marginals(codes, random_state=4) for _ in range(2))
    np.testing.assert_array_equal(first.unmixing, second.unmixing)
    assert first.evidence == second.evidence
