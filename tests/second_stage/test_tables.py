import numpy as np
import pytest
import torch

from contrica.errors import DomainError, UnreliableScoreError
from contrica.second_stage.tables import (
    LARGEST,
    constant_columns,
    generator_from,
    read,
    read_codes,
    refuse_constant,
)

GOOD = np.random.default_rng(0).normal(size=(100, 3))


def test_lists_tensors_and_float32_become_the_same_table():
    single = GOOD.astype(np.float32)
    for given in (single, single.tolist(), torch.from_numpy(single)):
        table = read(given, "codes")
        assert table.dtype == np.float64
        np.testing.assert_array_equal(table, single)


def test_a_column_of_rounding_is_constant_and_a_narrow_one_far_from_zero_is_not():
    flat = np.full(100, 1.0)
    flat[3] += 2e-16
    table = np.column_stack([flat, 1.0 + 1e-9 * GOOD[:, 0], 1e-70 * GOOD[:, 0], GOOD[:, 1]])
    assert constant_columns(table).tolist() == [True, False, True, False]
    with pytest.raises(DomainError, match="column 0 is constant"):
        refuse_constant(table, "codes")


def test_entries_whose_fourth_power_overflows_are_refused():
    read(np.full((2, 1), LARGEST), "codes")
    with pytest.raises(DomainError, match="rescale"):
        read(np.full((2, 1), 1.1 * LARGEST), "codes")


@pytest.mark.parametrize(("dim", "needed"), [(2, 100), (5, 100), (6, 120), (10, 200)])
def test_twenty_rows_per_code_and_a_hundred_are_needed(dim, needed):
    table = np.random.default_rng(0).normal(size=(needed, dim))
    assert read_codes(table).shape == (needed, dim)
    with pytest.raises(UnreliableScoreError, match=f"at least {needed} rows, got {needed - 1}"):
        read_codes(table[1:])


def test_a_seed_starts_anew_and_a_generator_advances():
    assert generator_from(3).random() == generator_from(3).random()
    generator = np.random.default_rng(3)
    assert generator_from(generator) is generator
