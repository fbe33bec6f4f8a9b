import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.losses import SCL


def logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("log_form", "chance"), [(False, -1.0), (True, 0.0)])
@given(batch=st.integers(1, 5), negatives=st.integers(1, 9))
def test_chance_is_minus_1_and_0_in_the_log_form_at_every_size(log_form, chance, batch, negatives):
    value = SCL(log_form=log_form)(torch.zeros(batch), torch.zeros(batch, negatives)).item()
    assert value == pytest.approx(chance, abs=1e-6)


def test_a_good_critic_falls_below_chance_and_a_bad_one_rises_above():
    for log_form, chance in ((False, -1.0), (True, 0.0)):
        good = SCL(log_form=log_form)(torch.full((4,), 1.0), torch.full((4, 3), -2.0))
        bad = SCL(log_form=log_form)(torch.full((4,), -2.0), torch.full((4, 3), 1.0))
        assert good < chance < bad


def mean_exp(negative, power=1):
    return torch.logsumexp(power * negative.flatten(), 0) - math.log(negative.numel())


@given(seed=st.integers(0, 999), shift=st.floats(-5.0, 5.0))
def test_the_balancing_bias_minimises_it_and_gives_the_log_form(seed, shift):
    positive, negative = logits(6, seed=seed) + shift, logits(6, 3, seed=seed + 1) + shift
    bias = SCL().balancing_bias(positive, mean_exp(negative), mean_exp(negative, 2))
    best = SCL()(positive - bias, negative - bias)
    # profiled out, the loss is -exp of minus its log form
    torch.testing.assert_close(best, -(-SCL(log_form=True)(positive, negative)).exp())
    torch.testing.assert_close(best, -(positive.exp().mean() ** 2) / (2.0 * negative).exp().mean())
    for step in (-0.1, -1e-3, 1e-3, 0.1):
        assert SCL()(positive - bias - step, negative - bias - step) > best


@given(seed=st.integers(0, 999), constant=st.floats(-300.0, 300.0))
def test_the_log_form_ignores_a_constant(seed, constant):
    positive, negative = logits(6, seed=seed), logits(6, 3, seed=seed + 1)
    loss = SCL(log_form=True)
    torch.testing.assert_close(loss(positive + constant, negative + constant), loss(positive, negative))


def test_beyond_40_nats_both_exponentials_go_on_along_their_tangents():
    low, high = torch.full((1,), -9.0, dtype=torch.float64), torch.full((1,), 43.0, dtype=torch.float64)
    assert SCL()(high, low[:, None]).item() == pytest.approx(-8.0 * math.exp(40.0), rel=1e-12)
    assert SCL()(low, high[:, None]).item() == pytest.approx(7.0 * math.exp(80.0), rel=1e-12)


def test_a_critic_that_raises_all_logits_together_meets_a_floor():
    """The negatives' tangent is steeper than the positives', so beyond 40 nats the loss rises again."""
    heights = torch.arange(0.0, 400.0, 10.0, dtype=torch.float64)
    values = torch.stack([SCL()(height.reshape(1), height.reshape(1, 1)) for height in heights])
    assert values.argmin() == 0
    assert (values.diff() > 0).all()
