import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import ContricaError
from contrica.losses import InfoNCE


def logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(batch=st.integers(1, 5), negatives=st.integers(1, 9))
def test_chance_is_the_log_of_the_number_of_choices(batch, negatives):
    value = InfoNCE()(torch.zeros(batch), torch.zeros(batch, negatives)).item()
    assert value == pytest.approx(math.log(1 + negatives), rel=1e-6)


def test_perfect_is_0():
    assert InfoNCE()(torch.full((3,), 50.0), torch.full((3, 4), -50.0)).item() == pytest.approx(0.0, abs=1e-20)


def test_confident_and_wrong_costs_the_difference_and_the_choice_among_the_wrong_ones():
    value = InfoNCE()(torch.full((3,), -50.0), torch.full((3, 4), 50.0)).item()
    assert value == pytest.approx(100.0 + math.log(4.0), rel=1e-6)


def test_it_is_the_cross_entropy_of_the_index_of_the_positive():
    positive, negative = logits(6), logits(6, 3, seed=1)
    choices = torch.cat([positive[:, None], negative], 1)
    target = torch.zeros(6, dtype=torch.int64)
    torch.testing.assert_close(InfoNCE()(positive, negative), torch.nn.functional.cross_entropy(choices, target))


@given(seed=st.integers(0, 999))
def test_any_function_of_the_anchor_may_be_added(seed):
    positive, negative, by_anchor = logits(6, seed=seed), logits(6, 3, seed=seed + 1), 10.0 * logits(6, seed=seed + 2)
    shifted = InfoNCE()(positive + by_anchor, negative + by_anchor[:, None])
    torch.testing.assert_close(shifted, InfoNCE()(positive, negative))


def test_a_function_of_the_candidate_may_not_be_added():
    positive, negative = logits(6), logits(6, 3, seed=1)
    assert not torch.isclose(InfoNCE()(positive, negative + 0.1), InfoNCE()(positive, negative), rtol=1e-3)


def test_given_logits_are_read_by_rows_in_every_direction():
    positive, negative = logits(6), logits(6, 3, seed=1)
    for direction in ("columns", "symmetric"):
        torch.testing.assert_close(InfoNCE(direction)(positive, negative), InfoNCE()(positive, negative))


def test_it_never_falls_below_0():
    for scale in (1.0, 100.0, 1e4):
        assert InfoNCE()(scale * logits(6), scale * logits(6, 3, seed=1)) >= 0.0


@given(bad=st.sampled_from(["row", "", "both", None, 3]))
def test_an_unknown_direction_is_refused(bad):
    with pytest.raises(ContricaError, match="direction must be one of rows, columns, symmetric"):
        InfoNCE(bad)
