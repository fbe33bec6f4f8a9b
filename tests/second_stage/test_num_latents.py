import itertools

import numpy as np
import pytest

from contrica.errors import DomainError, UnreliableScoreError
from contrica.second_stage import estimate_num_latents, rank_by_gap
from mixed_factors import equicorrelated


def independent(rows, dim, rng):
    factors = rng.uniform(size=(rows, dim))
    return factors, factors + 0.1 * rng.laplace(size=factors.shape)


def correlated(rows, dim, rng):
    factors = equicorrelated(rows, dim, 0.8, generator=rng)
    return factors, factors + 0.3 * rng.normal(size=factors.shape)


def isometry(dim, code_dim, rng):
    return np.linalg.qr(rng.normal(size=(code_dim, code_dim)))[0][:dim]


def repeats(dim, code_dim, exponent, rng):
    """Each code holds one factor; the sizes of those that hold the same one have l_p norm 1."""
    owner = np.concatenate([np.arange(dim), rng.integers(dim, size=code_dim - dim)])
    embedding = np.zeros((dim, code_dim))
    for factor in range(dim):
        own = np.flatnonzero(owner == factor)
        sizes = rng.dirichlet(np.full(len(own), 3.0)) ** (1 / exponent)
        embedding[factor, own] = sizes * rng.choice([-1.0, 1.0], size=len(own))
    return embedding[:, rng.permutation(code_dim)]


def counted(law, dim, surplus, noise, exponent, seed):
    rng = np.random.default_rng(seed)
    factors, positives = law(1000, dim, rng)
    code_dim = dim + surplus
    embedding = isometry(dim, code_dim, rng) if exponent == 2 else repeats(dim, code_dim, exponent, rng)
    views = [
        view @ embedding + noise * factors.std() * rng.normal(size=(1000, code_dim)) for view in (factors, positives)
    ]
    return estimate_num_latents(*views, exponent).value


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize("dim", [3, 5, 8])
@pytest.mark.parametrize("law", [independent, correlated])
def test_factors_are_counted_in_nine_of_ten_draws(law, dim, noise):
    for surplus, exponent in itertools.product((0, 1, 4), (1.0, 1.5, 2.0, 4.0)):
        right = sum(counted(law, dim, surplus, noise, exponent, seed) == dim for seed in range(10))
        assert right >= 9, (surplus, exponent)


def test_clusters_name_the_codes_of_each_factor_and_noise_codes_are_left_out():
    rng = np.random.default_rng(0)
    factors, positives = independent(1000, 2, rng)
    embedding = np.array([[0.8, 0.0, -0.6, 0.0], [0.0, 1.0, 0.0, 0.0]])
    noise = 0.02 * factors.std() * rng.normal(size=(2, 1000, 4))
    found = estimate_num_latents(factors @ embedding + noise[0], positives @ embedding + noise[1], 3.0)
    assert found.clusters == ((0, 2), (1,))
    assert found.surplus_codes == (3,)
    assert "2 clusters" in found.words


def test_factors_that_agree_in_level_but_not_in_their_noise_are_counted_apart():
    rng = np.random.default_rng(0)
    factors = equicorrelated(2000, 3, 0.98, generator=rng)
    positives = factors + 0.3 * rng.normal(size=factors.shape)
    assert estimate_num_latents(factors, positives, 1.5).value == 3
    assert estimate_num_latents(factors, positives, 2.0).value == 3


def test_exact_surplus_without_any_noise_is_counted():
    rng = np.random.default_rng(0)
    factors, positives = independent(500, 3, rng)
    embedding = isometry(3, 6, rng)
    found = estimate_num_latents(factors @ embedding, positives @ embedding, 2)
    assert found.value == 3
    assert found.clusters is None
    assert "after direction 3" in found.words


def test_a_constant_code_is_surplus():
    factors, positives = (
        np.column_stack([view, np.ones(500)]) for view in independent(500, 2, np.random.default_rng(0))
    )
    assert estimate_num_latents(factors, positives, 1.5).surplus_codes == (2,)
    assert estimate_num_latents(factors, positives, 2.0).value == 2


def test_a_factor_that_hardly_moves_within_pairs_counts_if_both_views_share_it():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(1000, 3))
    positives = factors + rng.normal(size=(1000, 3)) * [0.5, 0.5, 0.05]
    assert estimate_num_latents(factors, positives, 2.0).value == 3
    assert estimate_num_latents(factors, positives, 1.5).value == 3


def test_a_narrow_factor_counts_if_its_pair_noise_is_that_of_the_others():
    factors = np.random.default_rng(0).normal(size=(1000, 3)) * [5.0, 5.0, 0.5]
    positives = factors + np.random.default_rng(1).normal(size=factors.shape) * 0.5
    assert estimate_num_latents(factors, positives, 1.5).value == 3


def test_a_code_of_noise_is_surplus_beside_pair_noise_three_times_as_large():
    rng = np.random.default_rng(0)
    factors, noise = rng.normal(size=(2, 1000, 2))
    residual = rng.normal(size=(2, 1000, 1)) * 0.1
    codes, positives = np.hstack([factors, residual[0]]), np.hstack([factors + 0.45 * noise, residual[1]])
    assert estimate_num_latents(codes, positives, 1.5).surplus_codes == (2,)


def test_exponent_1_says_that_it_is_an_upper_bound_because_monotone_pieces_are_counted_apart():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(2000, 1))
    views = [
        np.hstack([np.maximum(each, 0), np.minimum(each, 0)])
        for each in (factors, factors + 0.1 * rng.laplace(size=(2000, 1)))
    ]
    found = estimate_num_latents(*views, 1.0)
    assert found.value == 2
    assert "upper bound" in found.words


@pytest.mark.parametrize("exponent", [1.5, 2.0])
def test_units_and_offsets_of_the_codes_change_nothing(exponent):
    rng = np.random.default_rng(0)
    factors, positives = independent(500, 3, rng)
    embedding = repeats(3, 5, exponent, rng)
    for scale, shift in ((1e-20, 0.0), (1e20, 0.0), (1.0, 1e3)):
        assert (
            estimate_num_latents(
                scale * factors @ embedding + shift, scale * positives @ embedding + shift, exponent
            ).value
            == 3
        )


@pytest.mark.parametrize(
    ("variances", "rank"), [([1.0], 1), ([1.0, 0.3], 2), ([1.0, 0.25], 1), ([1, 0.9, 0.0, 0.0], 2)]
)
def test_the_rank_ends_at_the_first_fall_by_the_gap(variances, rank):
    assert rank_by_gap(np.array(variances)) == rank


def test_the_gap_is_the_callers_to_choose():
    assert rank_by_gap(np.array([1.0, 0.3, 0.01]), least_gap=3.0) == 1
    assert rank_by_gap(np.array([1.0, 0.3, 0.01]), least_gap=100.0) == 3


@pytest.mark.parametrize("variances", [[0.1, 1.0], [], [0.0, 0.0], [np.nan], [[1.0]]])
def test_a_list_that_is_no_spectrum_is_refused(variances):
    with pytest.raises(DomainError):
        rank_by_gap(np.array(variances))


def test_views_that_share_nothing_or_everything_are_refused():
    left, right = np.random.default_rng(0).normal(size=(2, 500, 3))
    with pytest.raises(DomainError, match="something in common"):
        estimate_num_latents(left, right, 2.0)
    with pytest.raises(DomainError, match="differ within pairs"):
        estimate_num_latents(left, left, 2.0)


def test_exponents_below_1_and_too_few_rows_are_refused():
    factors, positives = independent(500, 3, np.random.default_rng(0))
    with pytest.raises(DomainError, match="below 1"):
        estimate_num_latents(factors, positives, 0.5)
    with pytest.raises(UnreliableScoreError, match="at least 60 rows, got 59"):
        estimate_num_latents(factors[:59], positives[:59], 2.0)
