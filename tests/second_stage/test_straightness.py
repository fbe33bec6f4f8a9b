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


def drawn_to_the_middle(rng):
    factors = rng.exponential(size=(1000, 2))
    return factors, 0.5 * factors + rng.exponential(size=factors.shape) * (1 + factors)


@pytest.mark.parametrize(
    "law", [independent, dependent_with_heavy_noise, dependent_and_cut_at_walls, drawn_to_the_middle]
)
def test_noise_that_depends_on_its_own_factor_only_is_refused_at_the_level_only(law):
    rng = np.random.default_rng(0)
    refused = sum(not bend_in(*law(rng), seed).holds for seed in range(50))
    assert refused <= 4  # a Poisson count of mean .5 is above 4 in .02 % of cases


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
    rows = 50 * CELLS
    (first, second), (first_moved, second_moved) = (bent(table[:rows], 0.5).T for table in independent_pair())
    ordered = {axis: np.argsort(np.argsort(values)) * CELLS // rows for axis, values in enumerate((first, second))}

    def less(values, axis):
        return values - np.array([values[ordered[axis] == cell].mean() for cell in range(CELLS)])[ordered[axis]]

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


def test_axes_of_independent_codes_are_refused_where_the_noise_of_one_depends_on_the_other():
    rng = np.random.default_rng(0)
    codes = rng.uniform(size=(4000, 2))
    positives = codes + 0.1 * (1 + codes[:, ::-1]) * rng.normal(size=codes.shape)
    assert axes_from_independent_marginals(codes, random_state=0).method == "ICA on codes"
    with pytest.raises(NotIdentifiableError, match=r"ICA on codes: .*affine map of the factors' fails: codes are bent"):
        resolve_axes(codes, positives, random_state=0)
