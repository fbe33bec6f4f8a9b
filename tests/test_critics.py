import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from contrica.critics import Critic, Side
from contrica.dissimilarities import NormPower, PowerSum
from contrica.errors import ContricaError, DtypeError, ShapeError


def numbers(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Offset(nn.Module):
    """slope * (sum of the observation)."""

    def __init__(self, slope):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def forward(self, observations):
        return self.slope * observations.sum(-1)


def full_critic():
    critic = Critic(PowerSum(2), anchor_offset=Offset(0.5), candidate_offset=Offset(-2.0), bias=True).double()
    with torch.no_grad():
        critic.bias.fill_(0.7)
    return critic


def expected_logits(left, right, x, y):
    delta = np.abs(left[:, None] - right[None]).sum(-1)
    return -(delta + 0.5 * x.sum(-1)[:, None] - 2.0 * y.sum(-1)[None] + 0.7)


def test_a_logit_is_minus_the_dissimilarity_both_offsets_and_the_bias():
    left, right, x, y = numbers(4, 2), numbers(5, 2, seed=1), numbers(4, 3, seed=2), numbers(5, 3, seed=3)
    critic = full_critic()
    found = critic.logits(critic.anchors(left, x), critic.candidates(right, y))
    expected = expected_logits(left.numpy(), right.numpy(), x.numpy(), y.numpy())
    torch.testing.assert_close(found.detach(), torch.from_numpy(expected))


def test_paired_logits_are_the_diagonal_of_all_logits():
    left, right, x, y = numbers(4, 2), numbers(4, 2, seed=1), numbers(4, 3, seed=2), numbers(4, 3, seed=3)
    critic = full_critic()
    anchors, candidates = critic.anchors(left, x), critic.candidates(right, y)
    torch.testing.assert_close(critic.paired_logits(anchors, candidates), critic.logits(anchors, candidates).diagonal())


@pytest.mark.parametrize("extra", ["anchor_offset", "candidate_offset", "bias"])
def test_each_of_the_three_extras_can_be_left_out(extra):
    left, right, x, y = numbers(4, 2), numbers(5, 2, seed=1), numbers(4, 3, seed=2), numbers(5, 3, seed=3)
    critic = full_critic()
    setattr(critic, extra, None)
    found = critic.logits(critic.anchors(left, x), critic.candidates(right, y)).detach()
    expected = expected_logits(left.numpy(), right.numpy(), x.numpy(), y.numpy())
    missing = {
        "anchor_offset": 0.5 * x.sum(-1)[:, None],
        "candidate_offset": -2.0 * y.sum(-1)[None],
        "bias": torch.tensor(0.7, dtype=torch.float64),
    }
    torch.testing.assert_close(found, torch.from_numpy(expected) + missing[extra])


def test_without_extras_a_logit_is_minus_the_dissimilarity():
    left, x = numbers(4, 2), numbers(4, 3)
    critic = Critic(NormPower(norm_exponent=2.0, power=1.0))
    assert list(critic.parameters()) == []
    logits = critic.logits(critic.anchors(left, x), critic.candidates(left, x))
    torch.testing.assert_close(logits, -torch.cdist(left, left))


def test_the_bias_starts_at_0_and_is_learned():
    critic = Critic(PowerSum(2), bias=True)
    assert critic.bias.item() == 0.0
    codes = numbers(3, 2)
    critic.logits(critic.anchors(codes, codes), critic.candidates(codes, codes)).sum().backward()
    assert critic.bias.grad.item() == -9.0


def test_one_network_on_both_sides_is_tied():
    offset = Offset(1.0)
    critic = Critic(PowerSum(2), anchor_offset=offset, candidate_offset=offset)
    assert len(list(critic.parameters())) == 1
    codes, x = numbers(3, 2), numbers(3, 3, seed=1)
    logits = critic.logits(critic.anchors(codes, x), critic.candidates(codes, x))
    torch.testing.assert_close(logits, logits.T)


def test_any_function_of_two_codes_is_a_dissimilarity():
    critic = Critic(lambda left, right: (left - right).square().sum(-1))
    codes = numbers(3, 2)
    logits = critic.logits(critic.anchors(codes, codes), critic.candidates(codes, codes))
    torch.testing.assert_close(logits, -torch.cdist(codes, codes).square())


def test_offsets_take_the_dtype_of_the_codes():
    critic = Critic(PowerSum(2), candidate_offset=Offset(1.0), bias=True)
    codes = numbers(3, 2, dtype=torch.float32)
    assert critic.candidates(codes, numbers(3, 3)).offsets.dtype == torch.float32
    assert critic.anchors(codes, numbers(3, 3)).offsets.dtype == torch.float32


def test_rows_of_a_side_are_rows_of_codes_and_offsets():
    side = Side(numbers(5, 2), numbers(5))
    chosen = side.rows(torch.tensor([3, 0]))
    torch.testing.assert_close(chosen.codes, side.codes[[3, 0]])
    torch.testing.assert_close(chosen.offsets, side.offsets[[3, 0]])
    torch.testing.assert_close(side.rows(slice(1, 3)).offsets, side.offsets[1:3])


def test_an_offset_network_that_keeps_its_last_axis_is_refused():
    critic = Critic(PowerSum(2), anchor_offset=nn.Linear(3, 1).double())
    with pytest.raises(ShapeError, match="one number per observation"):
        critic.anchors(numbers(4, 2), numbers(4, 3))


def test_an_offset_network_that_sees_other_rows_is_refused():
    critic = Critic(PowerSum(2), candidate_offset=Offset(1.0))
    with pytest.raises(ShapeError, match="one number per observation"):
        critic.candidates(numbers(4, 2), numbers(5, 3))


def test_pairs_of_unequal_length_are_refused():
    critic = Critic(PowerSum(2))
    one, many = Side(numbers(1, 2), numbers(1)), Side(numbers(4, 2), numbers(4))
    with pytest.raises(ShapeError, match="anchors has 4 rows, candidates has 1"):
        critic.paired_logits(many, one)


@given(bad=st.sampled_from([None, 3, "l1", torch.zeros(2)]))
def test_a_dissimilarity_that_cannot_be_called_is_refused(bad):
    with pytest.raises(DtypeError, match="callable"):
        Critic(bad)


@given(
    bad=st.sampled_from(
        [torch.zeros(3), torch.zeros(()), torch.zeros(3, 2, 1), torch.zeros(3, 2).long(), [[0.0]], None]
    )
)
def test_codes_that_are_no_floating_matrix_are_refused(bad):
    critic = Critic(PowerSum(2))
    for side in (critic.anchors, critic.candidates):
        with pytest.raises(ContricaError):
            side(bad, torch.zeros(3, 2))


def test_codes_of_another_dimension_than_the_dissimilarity_are_refused():
    critic = Critic(PowerSum(2))
    side = critic.anchors(numbers(3, 4), numbers(3, 4))
    with pytest.raises(ShapeError, match="2 dimensions"):
        critic.logits(side, side)
