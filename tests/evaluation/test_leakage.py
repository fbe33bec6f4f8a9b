import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import UnreliableScoreError
from contrica.evaluation import leakage, leakage_of_truth, mcc
from contrica.evaluation.halves import hold_out


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def by_loops(codes, factors, matching):
    shares = []
    for i, code in enumerate(matching):
        if code is None or np.ptp(codes[:, code]) == 0:
            shares.append(0.5)
            continue
        squares = [np.corrcoef(codes[:, code], z)[0, 1] ** 2 for z in factors.T]
        other = max((q for j, q in enumerate(squares) if j != i), default=0.0)
        shares.append(other / (squares[i] + other))
    return shares


@pytest.mark.parametrize("code_dim", [1, 2, 3, 5])
def test_leakage_is_the_documented_share(code_dim):
    factors = normal(200, 3)
    codes = factors @ normal(3, code_dim, seed=1) + normal(200, code_dim, seed=2)
    codes[:, 0] = 4.0
    scored = hold_out(codes, factors, random_state=3).split.scored_rows
    expected = by_loops(codes[scored], factors[scored], mcc(codes, factors, random_state=3).matching)
    found = leakage(codes, factors, random_state=3)
    np.testing.assert_allclose(found.per_factor, expected, atol=1e-12)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low <= found.value <= found.high


def test_pure_codes_leak_nothing():
    factors = normal(10_000, 4)
    assert leakage(-factors[:, ::-1], factors).value < 0.002


def test_a_code_of_two_factors_in_equal_parts_leaks_one_half():
    factors = normal(10_000, 2)
    mixed = factors @ np.array([[1.0, 1.0], [-1.0, 1.0]])
    assert leakage(mixed, factors).value == pytest.approx(0.5, abs=0.02)


def test_a_high_correlation_can_hide_leakage():
    # Correlations .9 and .436 of every code: MCC says .9, the share is .19.
    factors = normal(20_000, 2)
    mixed = 0.9 * factors + np.sqrt(0.19) * factors[:, ::-1] * [1.0, -1.0]
    assert mcc(mixed, factors).mean.value == pytest.approx(0.9, abs=0.01)
    assert leakage(mixed, factors).value == pytest.approx(0.19, abs=0.01)


def test_noise_leaks_more_than_one_half():
    assert leakage(normal(4000, 10), normal(4000, 10, seed=1)).value > 0.6


def test_a_collapsed_encoder_does_not_look_pure():
    found = leakage(np.ones((200, 3)), normal(200, 3))
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_a_single_factor_has_nothing_to_leak():
    factor = normal(200, 1)
    assert leakage(factor, factor).value == 0.0
    assert leakage_of_truth(factor) == 0.0


@given(st.floats(-0.95, 0.95))
def test_correlated_factors_leak_by_themselves(correlation):
    pair = normal(200, 2)
    pair = pair - pair.mean(axis=0)
    basis = np.linalg.qr(pair)[0]
    factors = np.column_stack([basis[:, 0], correlation * basis[:, 0] + np.sqrt(1 - correlation**2) * basis[:, 1]])
    assert leakage_of_truth(factors) == pytest.approx(correlation**2 / (1 + correlation**2), abs=1e-12)


def test_too_few_rows_are_refused():
    with pytest.raises(UnreliableScoreError, match="pass >= 52"):
        leakage(normal(51, 2), normal(51, 2))
