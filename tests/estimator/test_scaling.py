import numpy as np
import pytest
import torch

from contrica.errors import DomainError
from contrica.estimator.scaling import START_ROWS, Scaling, sampled, start_of


def columns(rows=2000, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, 3)) * [1.0, 50.0, 1e-3] + [0.0, 1e6, 7.0]


def test_normal_columns_get_unit_variance_and_no_mean():
    scaled = Scaling.of(columns())(columns())
    np.testing.assert_allclose(scaled.std(0), 1.0, atol=0.06)
    np.testing.assert_allclose(np.median(scaled, 0), 0.0, atol=1e-9)


def test_a_few_wild_values_change_nothing_for_the_others():
    X = columns()
    before = Scaling.of(X)(X[10:])
    X[:5] = 1e12
    # five of two thousand values move the quartiles by as many ranks
    np.testing.assert_allclose(Scaling.of(X)(X[10:]), before, atol=0.04)


def test_wild_values_are_drawn_in_one_to_one_and_others_left_alone():
    scaling = Scaling(np.zeros(1), np.ones(1))
    values = np.concatenate((-np.logspace(15, -3, 500), np.logspace(-3, 15, 500)))[:, None]
    scaled = scaling(values)
    assert (np.diff(scaled[:, 0]) > 0).all()
    assert scaled.max() < 400.0
    np.testing.assert_array_equal(scaled[np.abs(values) <= 10], values[np.abs(values) <= 10])


def test_mostly_equal_columns_are_scaled_by_their_standard_deviation():
    counts = np.zeros((100, 1))
    counts[:10] = 3.0
    np.testing.assert_allclose(Scaling.of(counts).spread, counts.std(0))


def test_constant_columns_become_zero_even_where_they_change_later():
    scaling = Scaling.of(np.column_stack((np.arange(10.0), np.full(10, 0.1))))
    assert scaling.constant.tolist() == [False, True]
    np.testing.assert_array_equal(scaling(np.array([[4.5, 9.0]])), [[0.0, 0.0]])


def test_a_large_offset_does_not_round_small_changes_away():
    X = 1e9 + np.random.default_rng(0).normal(size=(500, 1))
    assert len(np.unique(Scaling.of(X)(X).astype(np.float32))) > 490


def test_images_keep_their_units():
    images = np.random.default_rng(0).random((10, 3, 8, 8))
    assert Scaling.of(images)(images) is images


def test_rows_are_sampled_without_a_repeat_and_in_order():
    X = np.arange(200_000, dtype=np.float64)[:, None]
    sample = sampled(X, torch.Generator().manual_seed(0))
    assert len(sample) == 65_536
    assert (np.diff(sample[:, 0]) > 0).all()


def test_wild_values_are_cut_off_for_the_start_only():
    X = columns()
    X[7] = 1e12
    scaling = Scaling.of(X)
    start = start_of(X, scaling)
    assert start.shape == (2000, 3)
    assert float(start.abs().max()) == 10.0
    assert scaling(X).max() > 100.0
    assert len(start_of(np.repeat(X, 3, 0), scaling)) == START_ROWS


@pytest.mark.parametrize("X", [np.ones((20, 3)), np.zeros((20, 1, 8, 8))])
def test_equal_rows_are_refused(X):
    with pytest.raises(DomainError, match="X must differ from row to row"):
        sampled(X, torch.Generator().manual_seed(0))
