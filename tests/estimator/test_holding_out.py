import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.estimator.holding_out import LEAST_ROWS, MOST_BLOCKS, held_out
from contrica.estimator.row_order import RowOrder


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def runs(chosen):
    """How many stretches of consecutive chosen places there are."""
    return int((np.diff(np.concatenate(([0], chosen.astype(int)))) == 1).sum())


def test_blocks_of_time_are_held_out_of_one_recording():
    chosen = held_out(RowOrder.of(5000), 0.1, longest_lag=1, generator=stream())
    assert chosen.sum() == 500
    assert runs(chosen) <= MOST_BLOCKS


def test_the_blocks_lie_all_over_the_recording():
    chosen = held_out(RowOrder.of(5000), 0.1, longest_lag=1, generator=stream())
    assert [int(part.sum()) for part in np.split(chosen, MOST_BLOCKS)] == [100] * MOST_BLOCKS


def test_whole_groups_are_held_out_where_there_are_enough():
    groups = np.repeat(np.arange(20), 100)
    chosen = held_out(RowOrder.of(2000, groups), 0.1, longest_lag=1, generator=stream())
    assert [set(chosen[groups == group]) for group in range(20)].count({True}) == 2
    assert chosen.sum() == 200


def test_a_block_is_long_beside_the_lag():
    chosen = held_out(RowOrder.of(5000), 0.1, longest_lag=100, generator=stream())
    assert runs(chosen) == 1
    assert chosen.sum() == 500


def test_nothing_is_held_out_of_few_rows_or_for_lags_as_long_as_a_block():
    assert held_out(RowOrder.of(10 * LEAST_ROWS - 10), 0.1, longest_lag=1, generator=stream()) is None
    assert held_out(RowOrder.of(5000), 0.1, longest_lag=200, generator=stream()) is None
    assert held_out(RowOrder.of(5000), 0.0, longest_lag=1, generator=stream()) is None


@given(
    st.integers(2, 3000),
    st.floats(0.0, 0.99),
    st.integers(0, 50),
    st.integers(1, 30),
    st.integers(0, 2**31),
)
def test_some_rows_remain_and_about_as_many_are_held_out_as_are_wanted(rows, fraction, lag, groups, seed):
    ids = np.arange(rows) * groups // rows
    chosen = held_out(RowOrder.of(rows, ids), fraction, longest_lag=lag, generator=stream(seed))
    if chosen is None:
        return
    assert 0 < chosen.sum() < rows
    largest = np.bincount(ids).max()
    assert abs(int(chosen.sum()) - fraction * rows) <= largest if groups >= 5 else MOST_BLOCKS
