import numpy as np
import pytest

from contrica.errors import DomainError, DtypeError, ShapeError, UnreliableScoreError
from contrica.evaluation import (
    Affine,
    Alignment,
    MonotonePermutation,
    Rotation,
    SignedPermutation,
    aligned_r2,
    split_rows,
)
from contrica.evaluation.alignment import r2_per_factor

CLASSES = [Affine, Rotation, SignedPermutation, MonotonePermutation]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("alignment", CLASSES)
def test_rows_that_are_scored_are_not_fitted(alignment):
    # Codes know nothing of the factors: whatever is fitted on the scored rows shows as a positive value.
    codes, factors = normal(600, 25), normal(600, 25, seed=1)
    fitted_on_itself = alignment.fit(codes, factors, rows_per_coefficient=1)
    assert r2_per_factor(fitted_on_itself.predict(codes), factors).mean() > 0.005
    assert aligned_r2(codes, factors, alignment=alignment, rows_per_coefficient=1).value < 0.0


@pytest.mark.parametrize("alignment", CLASSES)
def test_the_factors_themselves_are_perfect(alignment):
    factors = normal(500, 3)
    found = aligned_r2(factors, factors, alignment=alignment)
    assert found.value == pytest.approx(1.0, abs=2e-3)
    assert found.rows == 250


@pytest.mark.parametrize("alignment", CLASSES)
def test_predictions_are_in_the_units_of_the_factors(alignment):
    codes = normal(200, 2)
    factors = 1e6 + 1e3 * codes
    np.testing.assert_allclose(alignment.fit(codes, factors).predict(codes), factors, rtol=1e-9)


@pytest.mark.parametrize("alignment", CLASSES)
def test_codes_of_another_width_are_refused(alignment):
    with pytest.raises(ShapeError, match="the 2 columns that the map was fitted on, got 3"):
        alignment.fit(normal(100, 2), normal(100, 2)).predict(normal(5, 3))


def test_codes_that_overflow_the_map_are_refused():
    fitted = Affine.fit(normal(100, 1) * 1e-200, normal(100, 1) * 1e200)
    with pytest.raises(DomainError, match="overflow"):
        fitted.predict([[1e200], [0.0]])


def test_a_scored_row_that_cannot_be_squared_is_refused():
    codes = normal(100, 1)
    predicted = codes.copy()
    predicted[3] = 1e200
    with pytest.raises(DomainError, match="far from all others"):
        r2_per_factor(predicted, codes)


@pytest.mark.parametrize("alignment", [Alignment.fit, "affine", None, int])
def test_what_is_no_class_of_maps_is_refused(alignment):
    with pytest.raises(DtypeError, match="alignment"):
        aligned_r2(normal(100, 1), normal(100, 1), alignment=alignment)


@pytest.mark.parametrize("bar", [0, 0.5, -1, np.inf, np.nan])
def test_a_bar_below_one_row_per_coefficient_is_refused(bar):
    with pytest.raises(DomainError, match="rows_per_coefficient"):
        aligned_r2(normal(100, 1), normal(100, 1), alignment=Affine, rows_per_coefficient=bar)


def test_r2_is_the_plain_formula():
    factors, predicted = normal(30, 2), normal(30, 2, seed=1)
    expected = 1 - ((factors - predicted) ** 2).sum(0) / ((factors - factors.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(r2_per_factor(predicted, factors), expected, atol=1e-12)


def test_a_factor_that_resamples_lose_is_refused():
    # Each of three factors has its second value in one row to score: a resample keeps all three in .63^3 of the cases.
    split = split_rows(100, random_state=0)
    factors = np.zeros((100, 3))
    factors[split.fit_rows[:3], range(3)] = factors[split.scored_rows[:3], range(3)] = 1.0
    with pytest.raises(UnreliableScoreError, match="second value in too few rows"):
        aligned_r2(normal(100, 1), factors, alignment=Affine, random_state=0)
