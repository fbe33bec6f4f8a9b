import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from contrica.errors import UnreliableScoreError
from contrica.evaluation import Rotation, aligned_r2


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def orthogonal(dim, seed):
    return np.linalg.qr(normal(dim, dim, seed=seed))[0]


def test_the_fit_is_that_of_scipy_with_the_best_scale():
    codes, factors = normal(80, 3), normal(80, 3, seed=1) + normal(80, 3)
    h, z = codes - codes.mean(0), factors - factors.mean(0)
    turn, _ = orthogonal_procrustes(h, z)
    scale = np.trace((h @ turn).T @ z) / np.square(h).sum()
    expected = scale * h @ turn + factors.mean(0)
    np.testing.assert_allclose(Rotation.fit(codes, factors).predict(codes), expected, atol=1e-12)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-100, 100), st.floats(-150, 150))
def test_rotation_reflection_shift_and_scale_of_the_codes_change_nothing(seed, scale, shift, power):
    codes = normal(100, 3)
    factors = codes + 0.5 * normal(100, 3, seed=1)
    expected = aligned_r2(codes, factors, alignment=Rotation)
    moved = (codes @ orthogonal(3, seed) * scale + shift) * 10.0**power
    np.testing.assert_allclose(
        aligned_r2(moved, factors, alignment=Rotation).per_factor, expected.per_factor, atol=1e-9
    )


def test_an_isometric_embedding_in_more_codes_is_perfect():
    factors = normal(200, 2)
    assert aligned_r2(factors @ orthogonal(5, 1)[:2], factors, alignment=Rotation).value == pytest.approx(1.0)


def test_fewer_codes_leave_a_factor_at_its_mean():
    factors = normal(400, 2)
    found = aligned_r2(factors[:, :1], factors, alignment=Rotation)
    np.testing.assert_allclose(found.per_factor, [1.0, 0.0], atol=0.02)


def test_a_stretched_axis_is_not_a_rotation():
    factors = normal(1000, 2)
    assert aligned_r2(factors * [1.0, 3.0], factors, alignment=Rotation).value < 0.8


def test_noise_is_at_chance():
    found = aligned_r2(normal(4000, 3), normal(4000, 3, seed=1), alignment=Rotation)
    assert found.value == pytest.approx(0.0, abs=0.01)


def test_a_collapsed_encoder_explains_nothing():
    found = aligned_r2(np.ones((400, 3)), normal(400, 3), alignment=Rotation)
    assert found.value == pytest.approx(0.0, abs=0.03)


def test_too_few_rows_are_refused():
    # 10 codes: 45 angles, 10 shifts, 1 scale for 10 factors.
    with pytest.raises(UnreliableScoreError, match="a rotation of 10 codes has 6 coefficients per factor; 59 rows"):
        Rotation.fit(normal(59, 10), normal(59, 10, seed=1))
