import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.evaluation.tables import Standardiser, centre, read, read_pair, standardise


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_a_tensor_that_requires_a_gradient_is_read_as_float64():
    tensor = torch.ones(3, 2, requires_grad=True)
    np.testing.assert_array_equal(read(tensor, "codes"), np.ones((3, 2)))
    assert read(tensor, "codes").dtype == np.float64


def test_a_vector_is_one_column():
    assert read([1, 2, 3], "codes").shape == (3, 1)


def test_reading_copies():
    given_array = normal(4, 2)
    read(given_array, "codes")[0, 0] = 7.0
    assert given_array[0, 0] != 7.0


@pytest.mark.parametrize(
    "value",
    [
        np.ones((4, 2), dtype=bool),
        torch.ones(4, 2, dtype=torch.bool),
        [[True, False], [False, True]],
        np.ones((4, 2), dtype=complex),
        torch.ones(4, 2, dtype=torch.complex64),
        np.array([["a"], ["b"]]),
        np.array([[None], [1.0]]),
        None,
    ],
)
def test_what_is_no_real_number_is_a_dtype_error(value):
    with pytest.raises(DtypeError, match="codes must"):
        read(value, "codes")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_a_domain_error(value):
    with pytest.raises(DomainError, match="codes must be finite"):
        read([[1.0], [value], [2.0]], "codes")


@pytest.mark.parametrize(
    "value", [np.ones((1, 3)), np.ones((0, 3)), np.ones((3, 0)), np.ones((2, 2, 2)), 3.0, [[1.0], [1.0, 2.0]]]
)
def test_what_is_no_table_of_two_rows_is_a_shape_error(value):
    with pytest.raises(ShapeError, match="codes must"):
        read(value, "codes")


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="no wider float here")
def test_a_wider_float_beyond_float64_is_a_domain_error():
    with pytest.raises(DomainError, match="finite"):
        read(np.array([[1.0], [2.0]], dtype=np.longdouble) * np.longdouble(10) ** 4000, "codes")


def test_unequal_rows_are_a_shape_error_that_quotes_both():
    with pytest.raises(ShapeError, match="codes has 5 rows, factors has 4"):
        read_pair(normal(5, 1), normal(4, 1))


def test_a_constant_factor_is_named():
    factors = normal(6, 3)
    factors[:, 2] = 0.1
    with pytest.raises(DomainError, match="column 2 of factors is constant"):
        read_pair(normal(6, 1), factors)


def test_a_factor_that_varies_by_rounding_only_is_constant():
    factors = np.full((6, 1), 0.3)
    factors[0] = 0.1 + 0.2
    assert factors[0] != factors[1]
    with pytest.raises(DomainError, match="constant"):
        read_pair(normal(6, 1), factors)


def test_a_constant_code_is_legal():
    assert read_pair(np.ones((6, 1)), normal(6, 1))[0].shape == (6, 1)


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_columns_of_any_unit_are_standardised_to_the_plain_formula(scale, shift):
    table = normal(50, 3)
    expected = (table - table.mean(0)) / table.std(0)
    np.testing.assert_allclose(standardise((table + shift) * scale), expected, atol=1e-8)


def test_a_spread_far_below_the_offset_is_kept_exactly():
    steps = np.arange(10.0)[:, None] * 2
    np.testing.assert_allclose(standardise(1e15 + steps), standardise(steps), atol=1e-12)


def test_a_constant_column_is_zero_wherever_it_is_met_again():
    units = Standardiser.fit(np.array([[1.0, 0.0], [1.0, 2.0]]))
    np.testing.assert_array_equal(units.apply(np.array([[1e300, 1.0]])), [[0.0, 0.0]])


@given(st.floats(-150, 150), st.floats(-10, 10))
def test_undo_undoes(power, shift):
    table = (normal(20, 2) + shift) * 10.0**power
    units = Standardiser.fit(table)
    np.testing.assert_allclose(units.undo(units.apply(table)), table, rtol=1e-12, atol=1e-13 * np.abs(table).max())


def test_centring_keeps_the_ratios_of_columns():
    table = normal(30, 2) * [1.0, 1000.0]
    centred = centre(table + 5)
    np.testing.assert_allclose(centred.std(0)[1] / centred.std(0)[0], table.std(0)[1] / table.std(0)[0])
    np.testing.assert_allclose(centred.mean(0), 0.0, atol=1e-12)
    assert 0.5 <= np.abs(centred).max() < 1.0


def test_centring_a_constant_table_gives_zeros():
    np.testing.assert_array_equal(centre(np.full((3, 2), 7.0)), np.zeros((3, 2)))
