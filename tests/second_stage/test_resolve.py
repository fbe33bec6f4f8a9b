from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

from contrica.errors import NotIdentifiableError
from contrica.second_stage import resolve_axes
from mixed_factors import equicorrelated, kept_in_unit_box, matched_correlation, mixed


def laplace_noise(rng, rows, dim):
    factors = equicorrelated(rows, dim, 0.8, generator=rng)
    return factors, factors + 0.2 * rng.laplace(size=factors.shape)


def uniform_marginals(rng, rows, dim):
    factors = rng.uniform(size=(rows, dim))
    return factors, factors + 0.1 * rng.normal(size=factors.shape)


def distinct_ratios(rng, rows, dim):
    factors = rng.normal(size=(rows, dim))
    return factors, factors + rng.normal(size=factors.shape) * np.geomspace(0.1, 1.2, dim)


def nothing(rng, rows, dim):
    factors = rng.normal(size=(rows, dim))
    return factors, factors + 0.3 * rng.normal(size=factors.shape)


def normal_box(rng, rows, dim):
    factors = rng.uniform(size=(rows, dim))
    return factors, kept_in_unit_box(factors, lambda shape: 0.15 * rng.normal(size=shape))


IDENTIFIED = {
    "ICA on pair differences": (laplace_noise, 0),
    "ICA on codes": (uniform_marginals, 1),
    "noise ratios": (distinct_ratios, 2),
}
EACH = pytest.mark.parametrize(
    ("method", "law", "before"), [(name, *case) for name, case in IDENTIFIED.items()], ids=IDENTIFIED.keys()
)


def resolved(law, *, rows, dim, seed):
    rng = np.random.default_rng(seed)
    factors, positives = law(rng, rows, dim)
    codes, positives = mixed(factors, positives, generator=rng)
    axes = resolve_axes(codes, positives, random_state=seed)
    return axes, matched_correlation(axes.transform(codes), factors)


@pytest.mark.slow
@EACH
def test_the_method_that_applies_is_picked_and_finds_the_factors(method, law, before):
    axes, correlation = resolved(law, rows=4000, dim=5, seed=0)
    assert axes.method == method
    assert correlation > 0.99
    assert len(axes.ruled_out) == before
    assert all(each.holds for each in axes.evidence)
    assert axes.assumed


def test_normal_noise_in_a_box_is_resolved_by_the_marginals():
    axes, correlation = resolved(normal_box, rows=4000, dim=5, seed=0)
    assert axes.method == "ICA on codes"
    assert correlation > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 5, 10])
def test_normal_factors_with_normal_noise_of_equal_ratio_are_refused_for_three_reasons(dim):
    with pytest.raises(NotIdentifiableError) as refusal:
        resolved(nothing, rows=2000, dim=dim, seed=0)
    for words in (
        *IDENTIFIED,
        "pair differences cannot be told from normal",
        "codes cannot be told",
        "noise ratios 0.",
    ):
        assert words in str(refusal.value)


@pytest.mark.slow
def test_dependent_factors_in_a_box_with_normal_noise_are_refused():
    rng = np.random.default_rng(0)
    factors = norm.cdf(equicorrelated(4000, 5, 0.8, generator=rng))
    positives = kept_in_unit_box(factors, lambda shape: 0.15 * rng.normal(size=shape))
    with pytest.raises(NotIdentifiableError, match="squares of two components of the codes"):
        resolve_axes(factors, positives, random_state=0)


def test_the_same_seed_gives_the_same_axes_and_a_generator_advances():
    rng = np.random.default_rng(0)
    codes, positives = uniform_marginals(rng, 500, 2)
    first, second = (resolve_axes(codes, positives, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.unmixing, second.unmixing)
    state = rng.bit_generator.state["state"]
    resolve_axes(codes, positives, random_state=rng)
    assert rng.bit_generator.state["state"] != state


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_axes_of_normal_data_are_claimed_in_at_most_five_per_cent_of_draws(dim):
    claims = 0
    for seed in range(100):
        try:
            resolved(nothing, rows=300, dim=dim, seed=seed)
        except NotIdentifiableError:
            continue
        claims += 1
    assert claims <= 5


@pytest.mark.slow
@EACH
def test_what_is_identified_is_hardly_ever_refused(method, law, before):
    found = Counter()
    for seed in range(20):
        axes, correlation = resolved(law, rows=4000, dim=5, seed=seed)
        found[axes.method] += 1
        assert correlation > 0.99
    assert found[method] >= 19
