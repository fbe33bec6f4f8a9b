import numpy as np
import pytest
from scipy.stats import norm

from contrica.errors import NotIdentifiableError
from contrica.second_stage import axes_from_independent_marginals, resolve_axes
from contrica.second_stage.straightness import CELLS, LARGEST_BEND, straightness
from mixed_factors import equicorrelated, kept_in_unit_box


def bend_in(components, positives, seed=0):
    return straightness(components, positives, generator=np.random.default_rng(seed))


def bent(factors, by):
    """Two codes whose slopes along one axis depend on the place along the other."""
    return factors + by * factors[:, ::-1] * factors


def independent_pair():
    return independent(np.random.default_rng(0))


def independent(rng):
    factors = rng.normal(size=(1000, 2))
    return factors, factors + 0.3 * rng.normal(size=factors.shape)


def dependent_with_heavy_noise(rng):
    factors = equicorrelated(1000, 2, 0.8, generator=rng)
    return factors, factors + 0.5 * rng.laplace(size=factors.shape)


def dependent_and_cut_at_walls(rng):
    factors = norm.cdf(equicorrelated(1000, 2, 0.8, generator=rng))
    return factors, kept_in_unit_box(factors, lambda shape: 0.15 * rng.laplace(size=shape))


def dependent_and_drawn_to_the_middle(rng):
    factors = equicorrelated(1000, 2, 0.8, generator=rng)
    return factors, 0.2 * factors + 0.3 * rng.normal(size=factors.shape)


def drawn_to_the_middle(rng):
    factors = rng.exponential(size=(1000, 2))
    return factors, 0.5 * factors + rng.exponential(size=factors.shape) * (1 + factors)


@pytest.mark.parametrize(
    "law",
    [
        independent,
        dependent_with_heavy_noise,
        dependent_and_cut_at_walls,
        drawn_to_the_middle,
        dependent_and_drawn_to_the_middle,
    ],
)
def test_noise_that_depends_on_its_own_factor_only_is_refused_at_the_level_only(law):
    rng = np.random.default_rng(0)
    refused = sum(not bend_in(*law(rng), seed).holds for seed in range(50))
    assert refused <= 4  # a Poisson count of mean .5 is above 4 in .02 % of cases


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "dim"), [(100, 5), (200, 10)])
def test_the_fewest_rows_that_have_axes_are_refused_at_the_level_only(rows, dim):
    rng, refused = np.random.default_rng(0), 0
    for seed in range(50):
        factors = rng.normal(size=(rows, dim))
        refused += not bend_in(factors, factors + 0.3 * rng.normal(size=factors.shape), seed).holds
    assert refused <= 4


def test_a_bend_across_axes_is_found_and_grows_with_the_bend():
    factors, positives = independent_pair()
    found = [bend_in(bent(factors, by), bent(positives, by)) for by in (0.1, 0.2, 0.4)]
    assert not any(each.holds for each in found)
    assert LARGEST_BEND < found[0].value < found[1].value < found[2].value
    assert "codes are bent" in found[0].words


def test_a_bend_along_the_axis_itself_is_let_be_as_walls_and_drifts_have_to_be():
    factors, positives = independent_pair()
    assert bend_in(np.sinh(factors), np.sinh(positives)).holds


def test_the_bend_is_that_of_the_formula():
    size = 50 * CELLS
    (first, second), (first_moved, second_moved) = (bent(table[:size], 0.5).T for table in independent_pair())
    ordered = {axis: np.argsort(np.argsort(values)) * CELLS // size for axis, values in enumerate((first, second))}

    def less(values, axis):
        left, places = values.copy(), (first, second)[axis]
        for cell in range(CELLS):
            rows = ordered[axis] == cell
            left[rows] -= np.polyval(np.polyfit(places[rows], values[rows], 1), places[rows])
        return left

    def squared(left, right):
        return np.corrcoef(left, right)[0, 1] ** 2

    noise = less(first_moved - first, 0), less(second_moved - second, 1)
    places = [(values - values.mean()) / values.std() for values in (first, second)]
    total = sum(
        squared(less(noise[axis] ** 2, axis), less(places[1 - axis] ** power, axis))
        for axis in (0, 1)
        for power in (1, 2)
    )
    total += sum(squared(noise[0] * noise[1], place) for place in (*places, places[0] * places[1]))
    found = straightness(
        np.stack([first, second], axis=1),
        np.stack([first_moved, second_moved], axis=1),
        generator=Silent(np.random.PCG64(0)),
    )
    assert found.value == pytest.approx(np.sqrt(total / 7), rel=1e-9)


class Silent(np.random.Generator):
    """Draws signs of zero, so that nothing is taken off for chance."""

    def choice(self, _, size):
        return np.zeros(size)


def test_a_factor_that_never_moves_has_no_width_to_depend_on_anything():
    factors, positives = independent_pair()
    positives[:, 0] = factors[:, 0]
    assert bend_in(factors, positives).holds


def test_what_estimated_axes_let_through_of_other_factors_is_no_move_of_one_that_never_moves():
    rng = np.random.default_rng(0)
    for seed in range(20):
        factors = rng.uniform(size=(4000, 2))
        positives = kept_in_unit_box(factors, lambda shape: 0.2 * rng.laplace(size=shape))
        positives[:, 0] = factors[:, 0]
        let_through = np.array([[1.0, 0.0], [0.02, 1.0]])
        assert bend_in(factors @ let_through, positives @ let_through, seed).holds


def test_many_rows_are_thinned():
    factors = np.random.default_rng(0).normal(size=(100_000, 2))
    positives = factors + 0.3 * np.random.default_rng(1).normal(size=factors.shape)
    assert not bend_in(bent(factors, 0.1), bent(positives, 0.1)).holds


def test_axes_of_independent_codes_are_refused_where_the_noise_of_one_depends_on_the_other():
    rng = np.random.default_rng(0)
    codes = rng.uniform(size=(4000, 2))
    positives = codes + 0.1 * (1 + codes[:, ::-1]) * rng.normal(size=codes.shape)
    assert axes_from_independent_marginals(codes, random_state=0).method == "ICA on codes"
    with pytest.raises(NotIdentifiableError, match=r"ICA on codes: .*affine map of the factors' fails: codes are bent"):
        resolve_axes(codes, positives, random_state=0)
