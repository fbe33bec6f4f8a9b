import numpy as np
import pytest
from scipy.stats import norm

from contrica.errors import NotIdentifiableError
from contrica.second_stage import axes_from_differences
from contrica.second_stage.fast_ica import unmixing_of
from mixed_factors import equicorrelated, kept_in_unit_box, matched_correlation, mixed


def test_factors_of_correlation_point_8_are_found_by_their_noise_and_not_by_their_marginals():
    rng = np.random.default_rng(0)
    factors = equicorrelated(4000, 5, 0.8, generator=rng)
    codes, positives = mixed(factors, factors + 0.2 * rng.laplace(size=factors.shape), generator=rng)
    axes = axes_from_differences(codes, positives, random_state=0)
    assert matched_correlation(axes.transform(codes), factors) > 0.99
    assert matched_correlation(codes @ unmixing_of(codes, "codes", generator=rng).T, factors) < 0.75


def test_normal_noise_is_refused():
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(2000, 4))
    with pytest.raises(NotIdentifiableError, match="pair differences cannot be told from normal"):
        axes_from_differences(factors, factors + 0.1 * rng.normal(size=factors.shape), random_state=0)


@pytest.mark.slow
def test_noise_that_is_spherical_but_not_normal_is_refused():
    rng = np.random.default_rng(0)
    factors, noise = rng.normal(size=(2, 4000, 4))
    with pytest.raises(NotIdentifiableError, match="squares of two components of the pair differences"):
        axes_from_differences(factors, factors + 0.1 * noise * rng.exponential(size=(4000, 1)), random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "least"), [(0.05, 0.999), (0.15, 0.99)])
def test_walls_bend_the_axes_of_dependent_factors_as_little_as_the_documentation_says(scale, least):
    rng = np.random.default_rng(0)
    factors = norm.cdf(equicorrelated(4000, 5, 0.8, generator=rng))
    positives = kept_in_unit_box(factors, lambda shape: scale * rng.laplace(size=shape))
    axes = axes_from_differences(factors, positives, random_state=0)
    assert matched_correlation(axes.transform(factors), factors) > least


def test_walls_make_normal_noise_of_independent_factors_other_than_normal():
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(20_000, 2))
    positives = kept_in_unit_box(factors, lambda shape: 0.3 * rng.normal(size=shape))
    codes, positives = mixed(factors, positives, generator=rng)
    axes = axes_from_differences(codes, positives, random_state=0)
    assert matched_correlation(axes.transform(codes), factors) > 0.99


def test_a_code_that_never_changes_within_pairs_is_named():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(500, 3))
    with pytest.raises(NotIdentifiableError, match="code 1 is the same in both"):
        axes_from_differences(factors, factors + rng.laplace(size=(500, 3)) * [1.0, 0.0, 1.0], random_state=0)


def test_a_direction_that_never_changes_within_pairs_is_refused():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(500, 3))
    codes, positives = mixed(factors, factors + rng.laplace(size=(500, 3)) * [1.0, 0.0, 1.0], generator=rng)
    with pytest.raises(NotIdentifiableError, match="3 columns of pair differences span 2 directions"):
        axes_from_differences(codes, positives, random_state=0)
