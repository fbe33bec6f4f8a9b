import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import oracles
from contrica.losses.reduction import EXPONENT_LIMIT, LogSumExp, SoftplusSum, guarded_exp, softplus


def logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("power", [1, 2])
def test_the_log_sum_exp_is_its_formula(power):
    values, weights = logits(5, 4), logits(5, 4, seed=1).clamp_min(0.0)
    weights[3] = 0.0
    scaled = power * values.numpy()
    unweighted = [oracles.log_sum_exp(row) for row in scaled]
    torch.testing.assert_close(LogSumExp(power)(values), torch.tensor(unweighted, dtype=torch.float64))
    weighted = [
        oracles.log_sum_exp([value + math.log(w) for value, w in zip(row, weight, strict=True) if w > 0])
        for row, weight in zip(scaled, weights.numpy(), strict=True)
    ]
    assert weighted[3] == -np.inf
    torch.testing.assert_close(LogSumExp(power)(values, weights), torch.tensor(weighted, dtype=torch.float64))


def test_the_softplus_sum_is_its_formula():
    values, weights = 30.0 * logits(5, 4), logits(5, 4, seed=1).clamp_min(0.0)
    weights[3] = 0.0
    costs = oracles.softplus(values.numpy())
    torch.testing.assert_close(SoftplusSum()(values), torch.from_numpy(costs.sum(1)))
    torch.testing.assert_close(SoftplusSum()(values, weights), torch.from_numpy((weights.numpy() * costs).sum(1)))


@given(value=st.floats(-700.0, 700.0))
def test_softplus_is_exact_at_both_ends(value):
    found = softplus(torch.tensor(value, dtype=torch.float64)).item()
    wanted = math.log1p(math.exp(-abs(value))) + max(value, 0.0)
    assert found == pytest.approx(wanted, rel=1e-14, abs=0.0)


@given(value=st.floats(-700.0, EXPONENT_LIMIT))
def test_the_guarded_exponential_is_the_exponential_up_to_its_limit(value):
    found = guarded_exp(torch.tensor(value, dtype=torch.float64)).item()
    assert found == pytest.approx(math.exp(value), rel=1e-14, abs=0.0)


def test_the_guarded_exponential_is_smooth_at_its_limit_and_finite_beyond():
    value = torch.tensor([79.999999, 80.0, 80.000001, 1e6], dtype=torch.float64, requires_grad=True)
    result = guarded_exp(value)
    (slope,) = torch.autograd.grad(result.sum(), value)
    torch.testing.assert_close(slope, torch.full((4,), math.exp(80.0), dtype=torch.float64), rtol=2e-6, atol=0.0)
    assert torch.isfinite(guarded_exp(torch.tensor(3e3)))


def test_the_guarded_exponential_of_minus_infinity_is_0():
    assert guarded_exp(torch.tensor(-torch.inf)).item() == 0.0
