import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh

from contrica.errors import NotIdentifiableError
from contrica.second_stage import axes_from_noise_ratios, noise_ratios
from mixed_factors import matched_correlation, mixed

DISTINCT = np.array([0.1, 0.2, 0.4, 0.7, 1.1])


def normal_pairs(scales, rows=4000, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(rows, len(scales)))
    positives = factors + rng.normal(size=factors.shape) * scales
    return factors, *mixed(factors, positives, generator=rng)


def test_ratios_and_axes_solve_the_generalised_eigenproblem():
    _, codes, positives = normal_pairs(DISTINCT, rows=500)
    found = noise_ratios(codes, positives, random_state=0)
    spread = 0.5 * (np.cov(codes.T, bias=True) + np.cov(positives.T, bias=True))
    values, vectors = eigh(np.cov((codes - positives).T, bias=True), spread)
    # Whitening centres both members together, which differs from this by their difference of means, below 1/rows.
    np.testing.assert_allclose(found.ratios, values, rtol=1e-2)
    np.testing.assert_allclose(np.abs(found.unmixing @ spread @ vectors), np.eye(5), atol=0.01)


def test_distinct_ratios_of_normal_factors_give_the_axes():
    factors, codes, positives = normal_pairs(DISTINCT)
    axes = axes_from_noise_ratios(codes, positives, random_state=0)
    assert matched_correlation(codes, factors) < 0.8
    assert matched_correlation(axes.transform(codes), factors) > 0.99


def test_components_come_in_rising_order_of_their_ratio():
    factors, codes, positives = normal_pairs(DISTINCT[::-1])
    components = axes_from_noise_ratios(codes, positives, random_state=0).transform(codes)
    assert all(abs(np.corrcoef(components[:, i], factors[:, 4 - i])[0, 1]) > 0.99 for i in range(5))


@pytest.mark.slow
def test_ratios_and_their_errors_are_those_of_the_law():
    exact = DISTINCT**2 / (1 + DISTINCT**2 / 2)
    found = noise_ratios(*normal_pairs(DISTINCT)[1:], random_state=0)
    assert (np.abs(found.ratios - exact) < 4 * found.standard_errors).all()
    others = [noise_ratios(*normal_pairs(DISTINCT, rows=1000, seed=seed)[1:], random_state=0) for seed in range(1, 17)]
    spread = np.std([other.ratios for other in others], axis=0)
    np.testing.assert_allclose(np.mean([other.standard_errors for other in others], axis=0), spread, rtol=0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scales", "groups"),
    [
        ([0.3, 0.3, 0.3], ((0, 1, 2),)),
        ([0.1, 0.4, 0.4, 0.9], ((0,), (1, 2), (3,))),
        ([0.2, 0.2, 0.8, 0.8], ((0, 1), (2, 3))),
        ([0.1, 0.3, 0.9], ((0,), (1,), (2,))),
    ],
)
def test_groups_of_equal_ratios_are_found(scales, groups):
    assert noise_ratios(*normal_pairs(scales)[1:], random_state=0).groups == groups


def test_groups_of_equal_ratios_are_named_in_the_refusal():
    with pytest.raises(NotIdentifiableError, match=r"those of \{0, 1\} and \{3, 4\} cannot be told apart"):
        axes_from_noise_ratios(*normal_pairs([0.2, 0.2, 0.4, 0.8, 0.8])[1:], random_state=0)


@pytest.mark.slow
def test_the_p_value_of_two_equal_ratios_is_uniform():
    found = [noise_ratios(*normal_pairs([0.4, 0.4], rows=200, seed=seed)[1:], random_state=0) for seed in range(60)]
    p_values = [each.gap_p_values[0] for each in found]
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.12)  # the standard error of the mean is .037


@pytest.mark.slow
@pytest.mark.parametrize("law", ["normal", "uniform", "laplace"])
def test_two_equal_ratios_are_told_apart_at_the_level_only(law):
    claims = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        factors = rng.normal(size=(300, 2))
        noise = (rng.uniform if law == "uniform" else getattr(rng, law))(-1.0 * (law == "uniform"), 1.0, size=(300, 2))
        claims += len(noise_ratios(factors, factors + 0.4 * noise, random_state=seed).groups) == 2
    assert claims <= 5  # a Poisson count of mean 1 is above 5 in .06 % of cases


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_an_invertible_affine_map_of_the_codes_changes_nothing(seed):
    _, codes, positives = normal_pairs([0.2, 0.4, 0.4], rows=300)
    rng = np.random.default_rng(seed)
    matrix, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    first = noise_ratios(codes, positives, random_state=0)
    second = noise_ratios(codes @ matrix + shift, positives @ matrix + shift, random_state=0)
    np.testing.assert_allclose(first.ratios, second.ratios, rtol=1e-6)
    np.testing.assert_allclose(first.gap_p_values, second.gap_p_values, rtol=1e-3)
    assert first.groups == second.groups


def test_a_frozen_factor_has_ratio_0_and_an_axis():
    factors, codes, positives = normal_pairs([0.0, 0.5])
    found = noise_ratios(codes, positives, random_state=0)
    assert found.ratios[0] == pytest.approx(0.0, abs=1e-9)
    assert (
        matched_correlation(axes_from_noise_ratios(codes, positives, random_state=0).transform(codes), factors) > 0.99
    )


def test_identical_views_are_refused():
    codes = normal_pairs([0.1, 0.2], rows=300)[1]
    with pytest.raises(NotIdentifiableError):
        axes_from_noise_ratios(codes, codes, random_state=0)
