import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import UnreliableScoreError
from contrica.evaluation import Affine, linear_r2, linear_r2_in_sample
from contrica.evaluation.halves import hold_out


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def by_normal_equations(fit_codes, fit_factors, codes, factors):
    """R2 per factor, with the coefficients from (H'H) B = H'Z, a column of ones in H."""
    design = np.column_stack([np.ones(len(fit_codes)), fit_codes])
    coefficients = np.linalg.solve(design.T @ design, design.T @ fit_factors)
    predicted = np.column_stack([np.ones(len(codes)), codes]) @ coefficients
    return [
        1.0 - sum((z - p) ** 2 for z, p in zip(truth, guess, strict=True)) / sum((z - truth.mean()) ** 2 for z in truth)
        for truth, guess in zip(factors.T, predicted.T, strict=True)
    ]


@pytest.fixture
def noisy():
    factors = normal(400, 3)
    return factors @ normal(3, 4, seed=1) + 2.0 + normal(400, 4, seed=2), factors


def test_held_out_r2_is_that_of_the_normal_equations(noisy):
    codes, factors = noisy
    split = hold_out(codes, factors, random_state=5).split
    expected = by_normal_equations(*(table[rows] for rows in (split.fit_rows, split.scored_rows) for table in noisy))
    found = linear_r2(codes, factors, random_state=5)
    np.testing.assert_allclose(found.per_factor, expected, atol=1e-10)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low < found.value < found.high


def test_in_sample_r2_is_that_of_the_normal_equations(noisy):
    np.testing.assert_allclose(linear_r2_in_sample(*noisy).per_factor, by_normal_equations(*noisy, *noisy), atol=1e-10)


def test_a_rotation_with_a_shift_is_perfect():
    factors = normal(200, 3)
    found = linear_r2(factors @ np.linalg.qr(normal(3, 3, seed=1))[0] - 7, factors)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_noise_is_at_chance():
    found = linear_r2(normal(4000, 5), normal(4000, 3, seed=1))
    assert found.value == pytest.approx(found.chance, abs=0.01)
    assert found.value < 0.005


def test_a_collapsed_encoder_explains_nothing():
    found = linear_r2(np.ones((2000, 4)), normal(2000, 2))
    assert found.value == pytest.approx(0.0, abs=0.01)


def test_a_folded_code_is_not_linear():
    factors = np.random.default_rng(0).uniform(-1, 1, size=(2000, 1))
    assert linear_r2(factors**2, factors).value == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("rows", "in_sample", "held_out"), [(1000, 0.52, -1.05), (4096, 0.13, -0.15)])
@pytest.mark.slow
def test_noise_of_512_codes_looks_good_in_sample_only(rows, in_sample, held_out):
    codes, factors = normal(2 * rows, 512), normal(2 * rows, 10, seed=1)
    assert linear_r2_in_sample(codes[:rows], factors[:rows]).value == pytest.approx(in_sample, abs=0.015)
    found = linear_r2(codes, factors, rows_per_coefficient=1)
    assert found.value == pytest.approx(held_out, abs=0.08)
    assert found.high < 0.0


def test_the_chance_of_in_sample_r2_is_what_noise_gets():
    found = linear_r2_in_sample(normal(600, 200), normal(600, 30, seed=1))
    assert found.value == pytest.approx(found.chance, abs=0.02)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(-100, 100))
def test_an_invertible_affine_map_of_the_codes_changes_nothing(seed, shift):
    factors = normal(120, 2)
    codes = factors + normal(120, 2, seed=1)
    left, _, right = np.linalg.svd(normal(2, 2, seed=seed))
    other = codes @ (left * [1.0, 5.0]) @ right + shift
    np.testing.assert_allclose(linear_r2(codes, factors).per_factor, linear_r2(other, factors).per_factor, atol=1e-9)


@pytest.mark.parametrize("scales", list(itertools.product([1e-150, 1e150], repeat=2)))
def test_units_of_any_size_change_nothing(noisy, scales):
    codes, factors = noisy
    expected = linear_r2(codes, factors)
    found = linear_r2(codes * scales[0], factors * scales[1])
    np.testing.assert_allclose(found.per_factor, expected.per_factor, atol=1e-9)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=1e-9)


def test_each_column_may_have_a_unit_of_its_own(noisy):
    codes, factors = noisy
    found = linear_r2(codes * [1e150, 1e-150, 1.0, 1e9], factors * [1e-150, 1.0, 1e150])
    np.testing.assert_allclose(found.per_factor, linear_r2(codes, factors).per_factor, atol=1e-9)


def test_repeated_and_constant_codes_change_nothing(noisy):
    codes, factors = noisy
    more = np.column_stack([codes, 3 * codes[:, 0] - 2, codes[:, 1] + codes[:, 2], np.full(len(codes), 0.1)])
    np.testing.assert_allclose(linear_r2(more, factors).per_factor, linear_r2(codes, factors).per_factor, atol=1e-8)
    assert linear_r2_in_sample(more, factors).chance == linear_r2_in_sample(codes, factors).chance


def test_duplicated_rows_are_fine(noisy):
    codes, factors = (np.repeat(table, 2, axis=0) for table in noisy)
    groups = np.repeat(np.arange(400), 2)
    assert 0 < linear_r2(codes, factors, groups=groups).value < 1


def test_too_few_rows_are_refused_with_the_number_that_would_do():
    with pytest.raises(UnreliableScoreError) as refusal:
        linear_r2(normal(12, 10), normal(12, 2))
    assert str(refusal.value) == (
        "an affine map of 10 codes has 11 coefficients per factor; 12 rows leave 6 to fit on and cannot fit it,"
        " pass >= 220"
    )
    assert linear_r2(normal(220, 10), normal(220, 2)).rows == 110


def test_fitting_alone_is_refused_in_its_own_rows():
    with pytest.raises(UnreliableScoreError, match=r"11 coefficients per factor; 12 rows cannot fit it, pass >= 110"):
        Affine.fit(normal(12, 10), normal(12, 2))


def test_in_sample_rows_that_any_code_would_fit_are_refused():
    with pytest.raises(UnreliableScoreError, match="whatever the codes"):
        linear_r2_in_sample(normal(11, 10), normal(11, 1, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [200, 1000])
def test_the_interval_covers_the_value_of_endless_rows(rows):
    # z = h + noise of equal variance; the map that was fitted is worth 1/2 minus what its own error costs.
    covered = []
    for seed in range(300):
        codes = normal(rows, 2, seed=seed)
        factors = codes + normal(rows, 2, seed=10_000 + seed)
        found = linear_r2(codes, factors, random_state=seed)
        split = hold_out(codes, factors, random_state=seed).split
        fitted = Affine.fit(codes[split.fit_rows], factors[split.fit_rows])
        offset = fitted.predict(np.zeros((2, 2)))[0]
        slopes = fitted.predict(np.eye(2)) - offset
        truth = np.mean(1 - (1 + ((slopes - np.eye(2)) ** 2).sum(axis=0) + offset**2) / 2)
        covered.append(found.low <= truth <= found.high)
    assert 0.9 <= np.mean(covered) <= 0.99
