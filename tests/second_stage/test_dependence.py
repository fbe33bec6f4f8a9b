import numpy as np
import pytest

from contrica.second_stage.dependence import residual_dependence


def dependence_in(components, seed=0):
    return residual_dependence(components, "codes", generator=np.random.default_rng(seed))


@pytest.mark.parametrize("law", ["normal", "uniform", "laplace", "exponential"])
@pytest.mark.slow
def test_independent_columns_are_called_dependent_at_the_level_only(law):
    rng = np.random.default_rng(0)
    refused = sum(not dependence_in(getattr(rng, law)(size=(300, 2)), seed).holds for seed in range(25))
    assert refused <= 3  # a Poisson count of mean .25 is above 3 in .02 % of cases


def test_a_small_error_of_the_unmixing_is_not_mistaken_for_dependence():
    rng = np.random.default_rng(0)
    turn = np.array([[1.0, 0.05], [-0.05, 1.0]])
    assert all(dependence_in(rng.exponential(size=(4000, 2)) @ turn, seed).holds for seed in range(5))


def test_a_common_scale_is_found():
    rng = np.random.default_rng(0)
    found = dependence_in(rng.normal(size=(2000, 3)) * rng.exponential(size=(2000, 1)))
    assert not found.holds
    assert found.value == pytest.approx(1 / 300)


def test_a_wrong_rotation_of_independent_columns_is_found():
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]])
    assert not dependence_in(np.random.default_rng(0).uniform(size=(2000, 2)) @ turn).holds


def test_the_words_quote_the_largest_correlation_of_squares():
    rng = np.random.default_rng(0)
    components = rng.normal(size=(3000, 2)) * rng.exponential(size=(3000, 1))
    centred = components - components.mean(axis=0)
    left, _, right = np.linalg.svd(centred, full_matrices=False)
    expected = np.corrcoef(np.square(left @ right).T)[0, 1]
    assert f"up to {expected:.2f} " in dependence_in(components).words


def test_signs_have_constant_squares_which_depend_on_nothing():
    assert dependence_in(np.sign(np.random.default_rng(0).normal(size=(1000, 3)))).holds


def test_many_rows_are_thinned():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(100_000, 2))
    factors *= 1 + 0.02 * rng.normal(size=(100_000, 1))
    assert dependence_in(factors).holds
