"""Every public entry that takes codes and factors gives a number or one of our own errors, whatever it is handed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import ContricaError, DomainError, DtypeError, ShapeError
from contrica.evaluation import (
    Affine,
    MonotonePermutation,
    Rotation,
    SignedPermutation,
    aligned_r2,
    leakage,
    linear_r2,
    linear_r2_in_sample,
    mcc,
    mcc_in_sample,
    score,
)

ENTRIES = {
    "linear_r2": linear_r2,
    "linear_r2_in_sample": linear_r2_in_sample,
    "mcc": mcc,
    "mcc_in_sample": mcc_in_sample,
    "leakage": leakage,
    "score": lambda codes, factors: score(codes, factors, floors=False),
    "affine fit": Affine.fit,
    "rotation fit": Rotation.fit,
    "signed fit": SignedPermutation.fit,
    "monotone fit": MonotonePermutation.fit,
    "rotation": lambda codes, factors: aligned_r2(codes, factors, alignment=Rotation),
    "signed": lambda codes, factors: aligned_r2(codes, factors, alignment=SignedPermutation),
    "monotone": lambda codes, factors: aligned_r2(codes, factors, alignment=MonotonePermutation),
}
EACH = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())

GOOD = np.random.default_rng(0).normal(size=(200, 2))


def with_entry(value):
    table = GOOD.copy()
    table[17, 1] = value
    return table


BROKEN = {
    "nan": (with_entry(math.nan), DomainError),
    "infinity": (with_entry(math.inf), DomainError),
    "one row": (GOOD[:1], ShapeError),
    "no rows": (GOOD[:0], ShapeError),
    "no columns": (GOOD[:, :0], ShapeError),
    "unequal rows": (GOOD[:199], ShapeError),
    "three axes": (GOOD[:, :, None], ShapeError),
    "a number": (1.0, ShapeError),
    "ragged": ([[1.0], [1.0, 2.0]], ShapeError),
    "bool": (GOOD > 0, DtypeError),
    "bool tensor": (torch.from_numpy(GOOD > 0), DtypeError),
    "complex": (GOOD * 1j, DtypeError),
    "complex tensor": (torch.from_numpy(GOOD * 1j), DtypeError),
    "object": (GOOD.astype(object), DtypeError),
    "text": (GOOD.astype(str), DtypeError),
    "nothing": (None, DtypeError),
}
EACH_BREAK = pytest.mark.parametrize(("broken", "error"), BROKEN.values(), ids=BROKEN.keys())


@EACH
@EACH_BREAK
def test_broken_codes_are_refused(entry, broken, error):
    with pytest.raises(error):
        entry(broken, GOOD)


@EACH
@EACH_BREAK
def test_broken_factors_are_refused(entry, broken, error):
    with pytest.raises(error):
        entry(GOOD, broken)


@EACH
def test_a_constant_factor_is_refused_by_its_number(entry):
    with pytest.raises(DomainError, match="column 1 of factors is constant"):
        entry(GOOD, np.column_stack([GOOD[:, 0], np.ones(200)]))


@EACH
def test_a_constant_code_is_no_error(entry):
    entry(np.column_stack([GOOD[:, 0], np.ones(200)]), GOOD)


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_units_of_any_size_are_no_error(entry, scale):
    entry(GOOD * scale, GOOD / scale)
    entry(GOOD * [scale, 1.0], GOOD * [1.0, scale])


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
def test_other_real_numbers_are_no_error(entry, dtype):
    entry((GOOD * 10).astype(dtype), (GOOD * 10).astype(dtype))


numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1e150, -1e150, 1e-150, 5e-324, 1.7e308, -1.7e308, math.nan, math.inf]),
    st.floats(-10, 10),
)


@EACH
@given(
    st.integers(0, 80),
    st.integers(0, 80),
    st.integers(0, 3),
    st.integers(0, 3),
    st.lists(numbers, min_size=1, max_size=6),
    st.lists(numbers, min_size=1, max_size=6),
)
def test_any_arrays_give_finite_numbers_or_our_own_error(entry, rows, other, codes, factors, code_values, values):
    rng = np.random.default_rng(0)
    code_table = rng.choice(code_values, size=(rows, codes))
    factor_table = rng.choice(values, size=(rows if other % 2 else other, factors))
    try:
        found = entry(code_table, factor_table)
    except ContricaError:
        return
    for name in ("value", "low", "high"):
        assert math.isfinite(getattr(found, name, 0.0))
