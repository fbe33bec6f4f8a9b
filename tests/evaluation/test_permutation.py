import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from contrica.errors import UnreliableScoreError
from contrica.evaluation import Affine, MonotonePermutation, Rotation, SignedPermutation, aligned_r2, mcc

PERMUTATIONS = [SignedPermutation, MonotonePermutation]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_signed_fit_is_the_best_matching_with_a_line_per_axis():
    factors = normal(100, 3)
    codes = factors @ normal(3, 3, seed=1) + normal(100, 3, seed=2)
    best = max(
        itertools.permutations(range(3)),
        key=lambda order: sum(abs(pearsonr(codes[:, code], factors[:, i])[0]) for i, code in enumerate(order)),
    )
    expected = [
        np.polyval(np.polyfit(codes[:, code], z, 1), codes[:, code]) for code, z in zip(best, factors.T, strict=True)
    ]
    fitted = SignedPermutation.fit(codes, factors)
    assert fitted.matching == best
    np.testing.assert_allclose(fitted.predict(codes), np.stack(expected, axis=1), atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("alignment", PERMUTATIONS)
@given(st.permutations(range(3)), st.lists(st.sampled_from([-1e150, -2.0, 1e-150, 3.0]), min_size=3, max_size=3))
def test_permutation_sign_and_scale_of_the_codes_change_nothing(alignment, order, scales):
    codes = normal(150, 3)
    factors = codes + 0.5 * normal(150, 3, seed=1)
    expected = aligned_r2(codes, factors, alignment=alignment)
    moved = aligned_r2(codes[:, order] * scales, factors, alignment=alignment)
    np.testing.assert_allclose(moved.per_factor, expected.per_factor, atol=1e-9)


@given(st.sampled_from([np.exp, np.tanh, np.arcsinh, lambda t: -(t**3), lambda t: np.exp(20 * t)]))
def test_a_monotone_map_of_the_codes_changes_nothing_for_monotone_alignment(bend):
    codes = normal(150, 2)
    factors = codes + 0.5 * normal(150, 2, seed=1)
    expected = aligned_r2(codes, factors, alignment=MonotonePermutation)
    moved = aligned_r2(bend(codes), factors, alignment=MonotonePermutation)
    np.testing.assert_allclose(moved.per_factor, expected.per_factor, atol=1e-9)


def test_a_bent_axis_is_perfect_for_monotone_alignment_only():
    factors = np.random.default_rng(0).uniform(size=(4000, 2))
    codes = np.stack([-np.exp(5 * factors[:, 1]), factors[:, 0] ** 5], axis=1)
    assert aligned_r2(codes, factors, alignment=MonotonePermutation).value > 0.999
    assert aligned_r2(codes, factors, alignment=SignedPermutation).value < 0.8


def test_a_rotation_is_perfect_for_rotation_and_affine_alignment_only():
    factors = normal(2000, 2)
    codes = factors @ np.array([[1.0, 1.0], [-1.0, 1.0]])
    values = {each: aligned_r2(codes, factors, alignment=each).value for each in (Rotation, Affine, *PERMUTATIONS)}
    assert values[Rotation] == pytest.approx(1.0)
    assert values[Affine] == pytest.approx(1.0)
    assert values[SignedPermutation] == pytest.approx(0.5, abs=0.05)
    assert values[MonotonePermutation] == pytest.approx(0.5, abs=0.05)


def test_r2_of_the_signed_permutation_is_the_square_of_the_matched_correlation():
    factors = normal(20_000, 3)
    codes = factors[:, [1, 2, 0]] + normal(20_000, 3, seed=1)
    squares = np.square(mcc(codes, factors).mean.per_factor)
    np.testing.assert_allclose(aligned_r2(codes, factors, alignment=SignedPermutation).per_factor, squares, atol=2e-3)


@pytest.mark.parametrize("alignment", PERMUTATIONS)
def test_noise_is_at_chance(alignment):
    found = aligned_r2(normal(4000, 3), normal(4000, 3, seed=1), alignment=alignment)
    assert -0.02 < found.value < 0.005


@pytest.mark.parametrize("alignment", PERMUTATIONS)
def test_a_collapsed_code_and_a_missing_code_predict_the_mean(alignment):
    factors = normal(4000, 3)
    codes = np.column_stack([factors[:, 2], np.ones(4000)])
    found = aligned_r2(codes, factors, alignment=alignment)
    np.testing.assert_allclose(found.per_factor, [0.0, 0.0, 1.0], atol=0.03)


@pytest.mark.parametrize(("alignment", "needed"), [(SignedPermutation, 30), (MonotonePermutation, 60)])
def test_too_few_rows_are_refused(alignment, needed):
    alignment.fit(normal(needed, 2), normal(needed, 2))
    with pytest.raises(UnreliableScoreError, match=f"pass >= {needed}"):
        alignment.fit(normal(needed - 1, 2), normal(needed - 1, 2))
