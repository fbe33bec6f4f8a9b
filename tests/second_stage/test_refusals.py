"""Every public entry that takes codes gives a result or one of our own errors, whatever it is handed."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from contrica.errors import DomainError, DtypeError, NotIdentifiableError, ShapeError, UnreliableScoreError
from contrica.second_stage import (
    axes_from_differences,
    axes_from_independent_marginals,
    axes_from_noise_ratios,
    estimate_num_latents,
    noise_ratios,
    resolve_axes,
)

RNG = np.random.default_rng(0)
GOOD = RNG.uniform(size=(200, 3))
POSITIVES = GOOD + RNG.laplace(size=(200, 3)) * [0.05, 0.1, 0.2]

PAIRED = {
    "resolve_axes": partial(resolve_axes, random_state=0),
    "differences": partial(axes_from_differences, random_state=0),
    "noise ratios": partial(axes_from_noise_ratios, random_state=0),
    "ratios": partial(noise_ratios, random_state=0),
    "num latents": partial(estimate_num_latents, exponent=2.0),
}
EACH_PAIRED = pytest.mark.parametrize("entry", PAIRED.values(), ids=PAIRED.keys())


def with_entry(value):
    table = GOOD.copy()
    table[17, 1] = value
    return table


BROKEN = {
    "nan": (with_entry(math.nan), DomainError),
    "infinity": (with_entry(math.inf), DomainError),
    "too large": (with_entry(1e200), DomainError),
    "one row": (GOOD[:1], (ShapeError, UnreliableScoreError)),
    "no rows": (GOOD[:0], ShapeError),
    "no columns": (GOOD[:, :0], ShapeError),
    "three axes": (GOOD[:, :, None], ShapeError),
    "ragged": ([[1.0], [1.0, 2.0]], ShapeError),
    "bool": (GOOD > 0.5, DtypeError),
    "complex": (GOOD * 1j, DtypeError),
    "complex tensor": (torch.from_numpy(GOOD * 1j), DtypeError),
    "text": (GOOD.astype(str), DtypeError),
    "nothing": (None, DtypeError),
}
EACH_BREAK = pytest.mark.parametrize(("broken", "error"), BROKEN.values(), ids=BROKEN.keys())


@EACH_BREAK
@EACH_PAIRED
def test_broken_codes_are_refused_on_either_side(entry, broken, error):
    with pytest.raises(error):
        entry(broken, POSITIVES)
    with pytest.raises(error):
        entry(GOOD, broken)


@EACH_BREAK
def test_broken_codes_are_refused_without_positives(broken, error):
    with pytest.raises(error):
        axes_from_independent_marginals(broken, random_state=0)


@EACH_PAIRED
def test_tables_of_different_pairs_or_encoders_are_refused(entry):
    with pytest.raises(ShapeError):
        entry(GOOD, POSITIVES[:150])
    with pytest.raises(ShapeError):
        entry(GOOD, POSITIVES[:, :2])


@pytest.mark.parametrize("name", ["resolve_axes", "differences", "noise ratios", "ratios"])
def test_a_single_code_few_rows_and_a_constant_code_are_refused(name):
    entry = PAIRED[name]
    with pytest.raises(ShapeError, match="at least 2 columns"):
        entry(GOOD[:, :1], POSITIVES[:, :1])
    with pytest.raises(UnreliableScoreError, match="at least 100 rows, got 99"):
        entry(GOOD[:99], POSITIVES[:99])
    with pytest.raises(DomainError, match="column 1 is constant"):
        entry(GOOD * [1.0, 0.0, 1.0], POSITIVES * [1.0, 0.0, 1.0])


@pytest.mark.parametrize("name", ["resolve_axes", "differences", "noise ratios", "ratios"])
def test_a_repeated_code_is_refused_with_the_rank(name):
    with pytest.raises(NotIdentifiableError, match=r"4 columns of .* span 3 directions"):
        PAIRED[name](GOOD[:, [0, 1, 2, 0]], POSITIVES[:, [0, 1, 2, 0]])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resolve_axes", "differences", "noise ratios", "ratios"])
def test_a_value_in_a_single_row_gives_a_result_or_a_refusal(name):
    codes, positives = GOOD.copy(), POSITIVES.copy()
    codes[:, 0], positives[:, 0] = 0.0, 0.0
    codes[17, 0], positives[23, 0] = 1.0, 1.0
    for seed in range(3):
        try:
            PAIRED[name].func(codes, positives, random_state=seed)
        except NotIdentifiableError:
            continue


@pytest.mark.parametrize("random_state", [-1, True, 1.5, None, "0"])
def test_a_random_state_that_is_no_seed_is_refused(random_state):
    with pytest.raises((DomainError, DtypeError)):
        resolve_axes(GOOD, POSITIVES, random_state=random_state)
    with pytest.raises((DomainError, DtypeError)):
        axes_from_independent_marginals(GOOD, random_state=random_state)


@pytest.mark.parametrize("exponent", [0.0, -1.0, math.nan, math.inf, True, "2", None])
def test_an_exponent_that_is_no_positive_number_is_refused(exponent):
    with pytest.raises((DomainError, DtypeError)):
        estimate_num_latents(GOOD, POSITIVES, exponent)
