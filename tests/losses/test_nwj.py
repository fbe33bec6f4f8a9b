import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.losses import NWJ


def logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("log_form", [False, True])
@given(batch=st.integers(1, 5), negatives=st.integers(1, 9))
def test_chance_is_1_at_every_size(log_form, batch, negatives):
    value = NWJ(log_form=log_form)(torch.zeros(batch), torch.zeros(batch, negatives)).item()
    assert value == pytest.approx(1.0, abs=1e-6)


def test_a_good_critic_falls_below_1_and_a_bad_one_rises_above():
    for log_form in (False, True):
        good = NWJ(log_form=log_form)(torch.full((4,), 2.0), torch.full((4, 3), -2.0))
        bad = NWJ(log_form=log_form)(torch.full((4,), -2.0), torch.full((4, 3), 2.0))
        assert good < 1.0 < bad


def mean_exp(negative, power=1):
    return torch.logsumexp(power * negative.flatten(), 0) - math.log(negative.numel())


@given(seed=st.integers(0, 999), shift=st.floats(-5.0, 5.0))
def test_the_balancing_bias_minimises_it_and_gives_the_log_form(seed, shift):
    positive, negative = logits(6, seed=seed) + shift, logits(6, 3, seed=seed + 1) + shift
    bias = NWJ().balancing_bias(positive, mean_exp(negative), mean_exp(negative, 2))
    best = NWJ()(positive - bias, negative - bias)
    torch.testing.assert_close(best, NWJ(log_form=True)(positive, negative))
    for step in (-0.1, -1e-3, 1e-3, 0.1):
        assert NWJ()(positive - bias - step, negative - bias - step) > best


@given(seed=st.integers(0, 999), constant=st.floats(-500.0, 500.0))
def test_the_log_form_ignores_a_constant(seed, constant):
    positive, negative = logits(6, seed=seed), logits(6, 3, seed=seed + 1)
    loss = NWJ(log_form=True)
    torch.testing.assert_close(loss(positive + constant, negative + constant), loss(positive, negative))


def test_beyond_80_nats_the_exponential_goes_on_along_its_tangent():
    positive = torch.zeros(1, dtype=torch.float64)
    at, beyond = (NWJ()(positive, torch.full((1, 2), x, dtype=torch.float64)).item() for x in (80.0, 83.0))
    assert at == pytest.approx(math.exp(80.0), rel=1e-12)
    assert beyond == pytest.approx(4.0 * math.exp(80.0), rel=1e-12)
