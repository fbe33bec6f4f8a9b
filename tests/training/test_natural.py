"""The natural gradient: its first steps written out, and what it is for."""

import statistics

import pytest
import torch
from torch import nn

from contrica.training.natural import DAMPING, NaturalGradient
from contrica.training.soap import SOAP
from training.rotated_steps import gradients, written_out

ROWS = 64
"""Pairs over which a gradient of these tests is the mean."""


@pytest.mark.parametrize("shape", [(3, 5), (6, 2)])
def test_steps_are_those_of_the_formula(shape):
    steps = gradients(shape, 7)
    weight = nn.Parameter(torch.ones(shape, dtype=torch.float64))
    optimizer = NaturalGradient([weight], batch_size=ROWS, lr=0.1, betas=(0.8, 0.9), basis_steps=3)
    for gradient in steps:
        weight.grad = gradient
        optimizer.step()

    def damped(square):
        return ROWS * square + DAMPING * (ROWS * square).mean()

    begun, settings = torch.ones(shape, dtype=torch.float64), {"rate": 0.1, "betas": (0.8, 0.9), "every": 3}
    expected = written_out(begun, steps, denominator=damped, **settings)
    torch.testing.assert_close(weight.detach(), expected)


def test_a_gradient_of_zero_moves_nothing():
    weight = nn.Parameter(torch.ones(3, 2))
    weight.grad = torch.zeros(3, 2)
    NaturalGradient([weight], batch_size=ROWS).step()
    torch.testing.assert_close(weight.detach(), torch.ones(3, 2))


def test_the_unit_of_an_observation_does_not_change_the_fit():
    """A step of the weights is one of the function: inputs a hundred times smaller get weights as much larger."""

    def fitted(scales):
        stream = torch.Generator().manual_seed(3)
        weight = nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
        optimizer = NaturalGradient([weight], batch_size=ROWS, lr=0.02, betas=(0.9, 0.99))
        for _ in range(30):
            inputs = torch.randn(ROWS, 3, generator=stream, dtype=torch.float64)
            targets = inputs[:, :2] + torch.randn(ROWS, 2, generator=stream, dtype=torch.float64)
            optimizer.zero_grad()
            (0.5 * (targets - inputs * scales @ weight.T).square().sum(1).mean()).backward()
            optimizer.step()
        return weight.detach() * scales

    torch.testing.assert_close(fitted(torch.ones(3)), fitted(torch.full((3,), 0.01)))


@pytest.mark.slow
def test_an_ill_conditioned_fit_in_noise_gets_near_to_what_the_data_allow():
    """Targets of a hundredth of signal, inputs whose variances span 1 to 1e-3, 600 batches of 64.

    Least squares on all rows at once misses the true map by dim * noise / rows in every output.
    """
    dim, noise, steps = 8, 100.0, 600
    scales = torch.logspace(0, -1.5, dim)

    def missed(kind, seed, **named):
        stream = torch.Generator().manual_seed(seed)
        mixing = scales[:, None] * torch.linalg.qr(torch.randn(dim, dim, generator=stream))[0]
        target = torch.randn(dim, dim, generator=stream) / dim**0.5
        weight = nn.Parameter(torch.zeros(dim, dim))
        optimizer = kind([weight], betas=(0.9, 0.99), **named)
        rate = named["lr"]
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            white = torch.randn(ROWS, dim, generator=stream)
            targets = white @ target + noise**0.5 * torch.randn(ROWS, dim, generator=stream)
            optimizer.zero_grad()
            ((targets - white @ mixing @ weight).square().sum(1).mean() / (2 * noise)).backward()
            optimizer.step()
        return float((mixing @ weight.detach() - target).square().sum(0).mean())

    def middle(kind, **named):
        return statistics.median(missed(kind, seed, **named) for seed in range(3))

    natural = middle(NaturalGradient, batch_size=ROWS, lr=0.05)
    least = dim * noise / (ROWS * steps)
    assert least < natural < 3.0 * least
    assert min(middle(SOAP, lr=rate) for rate in (0.01, 0.1)) > 2.0 * natural
