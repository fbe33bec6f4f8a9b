import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import ContricaError, DomainError, DtypeError, ShapeError, UnreliableScoreError
from contrica.evaluation import split_rows
from contrica.evaluation.halves import generator_of, hold_out


@given(st.integers(2, 200), st.integers(0, 1000))
def test_the_halves_share_no_row_and_miss_none(rows, seed):
    split = split_rows(rows, random_state=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.fit_rows, split.scored_rows])), np.arange(rows))
    assert abs(len(split.fit_rows) - len(split.scored_rows)) <= 1


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=60).filter(lambda labels: len(set(labels)) > 1))
def test_no_group_is_on_both_sides(labels):
    split = split_rows(len(labels), random_state=0, groups=labels)
    array = np.array(labels)
    assert not set(array[split.fit_rows]) & set(array[split.scored_rows])
    assert len(split.fit_rows) > 0
    assert len(split.scored_rows) > 0
    # Rows of one group are one unit, and units are numbered without gaps.
    units = {(unit, label) for unit, label in zip(split.scored_units, array[split.scored_rows], strict=True)}
    assert len(units) == len(set(array[split.scored_rows])) == split.scored_units.max() + 1


def test_the_same_seed_gives_the_same_split_and_another_gives_another():
    first, again, other = (split_rows(100, random_state=seed).fit_rows for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_generator_advances():
    generator = np.random.default_rng(0)
    first, second = (split_rows(100, random_state=generator).fit_rows for _ in range(2))
    assert not np.array_equal(first, second)


def test_a_fraction_of_the_rows_can_be_asked_for():
    assert len(split_rows(100, random_state=0, fit_fraction=0.8).fit_rows) == 80


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, np.nan])
def test_a_fraction_that_leaves_a_side_empty_is_refused(fraction):
    with pytest.raises(DomainError, match="fit_fraction"):
        split_rows(100, random_state=0, fit_fraction=fraction)


def test_one_group_cannot_be_divided():
    with pytest.raises(UnreliableScoreError, match="different groups"):
        split_rows(5, random_state=0, groups=np.zeros(5))


@pytest.mark.parametrize(
    ("groups", "error"),
    [
        (np.arange(4), ShapeError),
        (np.zeros((5, 1)), ShapeError),
        ([[1], [1, 2], 3, 4, 5], ShapeError),
        ([1.0, 2.0, np.nan, 3.0, 4.0], DomainError),
        (np.array([1, "a", None, 2, 3], dtype=object), DtypeError),
    ],
)
def test_groups_that_are_not_one_label_per_row_are_refused(groups, error):
    with pytest.raises(error, match="groups"):
        split_rows(5, random_state=0, groups=groups)


def test_groups_may_be_a_tensor_or_strings():
    for groups in (torch.tensor([0, 0, 1, 1]), ["a", "a", "b", "b"]):
        assert len(split_rows(4, random_state=0, groups=groups).fit_rows) == 2


@pytest.mark.parametrize("state", [True, None, 1.5, "0", -1, np.random.SeedSequence(0)])
def test_a_random_state_that_is_no_seed_is_refused(state):
    with pytest.raises(ContricaError, match="random_state"):
        generator_of(state)


def test_a_factor_that_varies_on_one_side_only_is_refused():
    factors = np.zeros((100, 2))
    factors[:, 0] = np.arange(100)
    factors[17, 1] = 1.0
    with pytest.raises(UnreliableScoreError, match="column 1 of factors takes one value"):
        hold_out(np.arange(100.0), factors)


def test_the_global_generator_of_numpy_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is read, not used
    hold_out(np.arange(100.0), np.arange(100.0), random_state=3)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
