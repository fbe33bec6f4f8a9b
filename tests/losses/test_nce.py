import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.losses import NCE


@given(batch=st.integers(1, 5), negatives=st.integers(1, 9))
def test_chance_is_twice_log_2_at_every_size(batch, negatives):
    value = NCE()(torch.zeros(batch), torch.zeros(batch, negatives)).item()
    assert value == pytest.approx(2.0 * math.log(2.0), rel=1e-6)


def test_perfect_is_0():
    assert NCE()(torch.full((3,), 50.0), torch.full((3, 4), -50.0)).item() == pytest.approx(0.0, abs=1e-20)


def test_confident_and_wrong_costs_as_much_as_it_was_confident():
    assert NCE()(torch.full((3,), -50.0), torch.full((3, 4), 50.0)).item() == pytest.approx(100.0)


def test_no_logit_has_a_slope_above_its_share():
    positive = (100.0 * torch.randn(4, generator=torch.Generator().manual_seed(0))).requires_grad_()
    negative = (100.0 * torch.randn(4, 3, generator=torch.Generator().manual_seed(1))).requires_grad_()
    pull, push = torch.autograd.grad(NCE()(positive, negative), (positive, negative))
    assert pull.abs().max() <= 1 / 4
    assert push.abs().max() <= 1 / 12
    assert pull.abs().max() > 0.99 / 4
