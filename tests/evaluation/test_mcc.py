import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from contrica.errors import DomainError, UnreliableScoreError
from contrica.evaluation import mcc, mcc_in_sample, rotated_factors
from contrica.evaluation.halves import hold_out
from contrica.evaluation.mcc import match

KINDS = pytest.mark.parametrize("kind", ["pearson", "spearman"])
ORACLES = {"pearson": pearsonr, "spearman": spearmanr}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape)


def correlation(codes, factors, kind):
    return np.array([[ORACLES[kind](h, z)[0] for z in factors.T] for h in codes.T])


def best_matching(table):
    """The code of each factor, None where codes run out, by trying all assignments."""
    codes, factors = table.shape
    places = [*range(codes), *[None] * max(0, factors - codes)]
    return max(
        itertools.permutations(places, factors),
        key=lambda order: sum(abs(table[code, i]) for i, code in enumerate(order) if code is not None),
    )


@KINDS
@pytest.mark.parametrize(("code_dim", "factor_dim"), [(1, 1), (2, 2), (3, 3), (4, 4), (4, 2), (2, 4), (1, 3)])
def test_mcc_is_that_of_the_best_of_all_permutations(kind, code_dim, factor_dim):
    factors = normal(120, factor_dim)
    codes = factors @ normal(factor_dim, code_dim, seed=1) + 0.3 * normal(120, code_dim, seed=2)
    split = hold_out(codes, factors, random_state=4).split
    fitted = correlation(codes[split.fit_rows], factors[split.fit_rows], kind)
    scored = correlation(codes[split.scored_rows], factors[split.scored_rows], kind)
    order = best_matching(fitted)
    expected = [0 if code is None else np.sign(fitted[code, i]) * scored[code, i] for i, code in enumerate(order)]
    found = mcc(codes, factors, kind=kind, random_state=4)
    assert found.matching == order
    np.testing.assert_allclose(found.mean.per_factor, expected, atol=1e-12)
    assert found.mean.value == pytest.approx(np.mean(expected))
    assert found.smallest.value == pytest.approx(np.min(expected))
    assert found.mean.low < found.mean.value < found.mean.high
    assert found.smallest.low <= found.smallest.value <= found.smallest.high

    table = correlation(codes, factors, kind)
    expected = [0 if code is None else abs(table[code, i]) for i, code in enumerate(best_matching(table))]
    np.testing.assert_allclose(mcc_in_sample(codes, factors, kind=kind).per_factor, expected, atol=1e-12)


@KINDS
def test_permuted_axes_are_perfect(kind):
    factors = normal(200, 4)
    found = mcc(factors[:, [2, 0, 3, 1]] * [1.0, -1.0, 5.0, -0.1] + 3, factors, kind=kind)
    assert (found.mean.value, found.mean.low, found.mean.high) == pytest.approx((1.0, 1.0, 1.0))
    assert found.smallest.value == pytest.approx(1.0)
    assert found.matching == (1, 3, 0, 2)


@KINDS
def test_noise_is_at_chance(kind):
    found = mcc(normal(4000, 10), normal(4000, 10, seed=1), kind=kind)
    assert found.mean.low < found.mean.chance < found.mean.high
    assert abs(found.mean.value) < 0.02


@KINDS
def test_collapsed_codes_count_zero_and_are_named(kind):
    factors = normal(400, 3)
    codes = np.column_stack([np.full(400, 0.1), factors[:, 0], np.full(400, 7.0)])
    found = mcc(codes, factors, kind=kind)
    assert found.collapsed_codes == (0, 2)
    np.testing.assert_allclose(found.mean.per_factor, [1.0, 0.0, 0.0], atol=1e-12)
    assert found.smallest.value == 0.0


@KINDS
def test_factors_without_a_code_count_zero(kind):
    factors = normal(200, 4)
    found = mcc(factors[:, [3, 1]], factors, kind=kind)
    assert found.matching == (None, 1, None, 0)
    assert found.mean.value == pytest.approx(0.5)
    assert found.mean.high == pytest.approx(0.5)
    assert mcc_in_sample(factors[:, [3, 1]], factors, kind=kind).value == pytest.approx(0.5)


@KINDS
def test_surplus_codes_of_noise_do_not_raise_the_score(kind):
    factors = normal(600, 2)
    codes = factors + normal(600, 2, seed=1)
    more = np.column_stack([codes, normal(600, 30, seed=2)])
    assert mcc(more, factors, kind=kind).mean.value == pytest.approx(mcc(codes, factors, kind=kind).mean.value)


def test_the_matching_is_not_fitted_on_the_scored_rows():
    # 60 rows, 40 codes of noise: the best matching of the rows it is measured on looks like a result.
    codes, factors = normal(120, 40), normal(120, 10, seed=1)
    assert mcc_in_sample(codes[:60], factors[:60]).value > 0.25
    found = mcc(codes, factors)
    assert found.mean.low < 0.0 < found.mean.high


@pytest.mark.slow
@given(
    st.permutations(range(3)),
    st.lists(st.sampled_from([-1e150, -2.0, -1e-150, 1e-150, 3.0, 1e150]), min_size=3, max_size=3),
    st.lists(st.floats(-10, 10), min_size=3, max_size=3),
)
def test_permutation_sign_scale_and_shift_of_the_codes_change_nothing(order, scales, shifts):
    factors = normal(100, 3)
    codes = factors @ normal(3, 3, seed=1)
    moved = (codes + shifts)[:, order] * scales
    for kind in ("pearson", "spearman"):
        expected, found = mcc(codes, factors, kind=kind), mcc(moved, factors, kind=kind)
        np.testing.assert_allclose(found.mean.per_factor, expected.mean.per_factor, atol=1e-9)
        np.testing.assert_allclose(
            [found.mean.low, found.mean.high], [expected.mean.low, expected.mean.high], atol=1e-9
        )
        assert [order[code] for code in found.matching] == list(expected.matching)


@given(st.sampled_from([np.exp, np.tanh, np.arcsinh, lambda t: -(t**3), lambda t: np.exp(20 * t)]))
def test_a_monotone_map_of_the_codes_changes_nothing_for_spearman(bend):
    factors = normal(100, 2)
    codes = factors + 0.3 * normal(100, 2, seed=1)
    expected, found = mcc(codes, factors, kind="spearman"), mcc(bend(codes), factors, kind="spearman")
    np.testing.assert_allclose(found.mean.per_factor, expected.mean.per_factor, atol=1e-12)


def test_groups_widen_the_interval():
    factors = np.repeat(normal(100, 2), 10, axis=0)
    codes = factors + np.repeat(normal(100, 2, seed=1), 10, axis=0)
    groups = np.repeat(np.arange(100), 10)
    alone, whole = mcc(codes, factors).mean, mcc(codes, factors, groups=groups).mean
    assert whole.high - whole.low > 2 * (alone.high - alone.low)


@pytest.mark.slow
@pytest.mark.parametrize(("dim", "expected"), [(2, 0.91), (3, 0.83), (5, 0.72), (10, 0.58)])
def test_a_rotation_of_uniform_factors_is_far_from_zero(dim, expected):
    factors = uniform(2000, dim)
    turns = [rotated_factors(factors, dim, random_state=seed).codes for seed in range(60)]
    assert np.mean([mcc_in_sample(turn, factors).value for turn in turns]) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("rows", "expected"), [(4096, 0.027), (256, 0.107), (64, 0.209)])
def test_noise_is_above_zero_in_sample(rows, expected):
    values = [mcc_in_sample(normal(rows, 10, seed=k), normal(rows, 10, seed=1000 + k)).value for k in range(20)]
    assert np.mean(values) == pytest.approx(expected, rel=0.06)


@pytest.mark.slow
def test_three_of_ten_noise_codes_look_good_in_sample():
    values = [mcc_in_sample(normal(64, 10, seed=k), normal(64, 3, seed=1000 + k)).value for k in range(400)]
    assert np.mean(values) == pytest.approx(0.231, abs=0.005)


def test_a_cube_is_perfect_by_ranks_only():
    factors = normal(20_000, 1)
    assert mcc(factors**3, factors).mean.value == pytest.approx(0.77, abs=0.02)
    assert mcc(factors**3, factors, kind="spearman").mean.value == pytest.approx(1.0)


@KINDS
def test_a_folded_code_is_invisible(kind):
    factors = normal(20_000, 1)
    found = mcc(factors**2, factors, kind=kind).mean
    assert found.low < 0.0 < found.high
    assert found.value < 0.05


@pytest.mark.parametrize(("equal_correlation", "expected"), [(0.5, 0.78), (0.8, 0.92), (0.95, 0.98)])
def test_copies_of_one_scalar_score_high_when_factors_correlate(equal_correlation, expected):
    shared, own = normal(4000, 1), normal(4000, 5, seed=1)
    factors = np.sqrt(equal_correlation) * shared + np.sqrt(1 - equal_correlation) * own
    copies = np.repeat(factors.mean(axis=1, keepdims=True), 5, axis=1)
    assert mcc(copies, factors).mean.value == pytest.approx(expected, abs=0.015)


def test_the_matching_maximises_the_sum_and_not_each_entry():
    assert match(np.array([[0.9, 0.8], [0.7, 0.1]])) == (1, 0)


def test_too_few_rows_are_refused():
    mcc(normal(52, 2), normal(52, 2))
    with pytest.raises(UnreliableScoreError, match=r"at least 26 rows to match on .* got 25 of 51; pass >= 52"):
        mcc(normal(51, 2), normal(51, 2))
    with pytest.raises(UnreliableScoreError, match="at least 26 rows, got 25"):
        mcc_in_sample(normal(25, 2), normal(25, 2))


@pytest.mark.parametrize("entry", [mcc, mcc_in_sample])
def test_an_unknown_kind_is_refused(entry):
    with pytest.raises(DomainError, match="kind must be one of pearson, spearman"):
        entry(normal(100, 2), normal(100, 2), kind="kendall")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "truth"), [("pearson", 0.6), ("spearman", 6 / np.pi * np.arcsin(0.3))])
@pytest.mark.parametrize("rows", [200, 2000])
def test_the_interval_covers_the_correlation_of_endless_rows(kind, truth, rows):
    covered = []
    for seed in range(300):
        factors = normal(rows, 2, seed=seed)
        codes = 0.6 * factors + 0.8 * normal(rows, 2, seed=10_000 + seed)
        found = mcc(codes, factors, kind=kind, random_state=seed).mean
        covered.append(found.low <= truth <= found.high)
    assert 0.9 <= np.mean(covered) <= 0.99
