import math

import pytest
import torch

from contrica.encoders.layers import leaky_gain, linear, strided_convolution

MAKERS = [
    lambda generator: linear(7, 5, gain=1.0, generator=generator),
    lambda generator: strided_convolution(3, 4, gain=1.0, generator=generator),
]


@pytest.mark.parametrize("make", MAKERS)
def test_the_global_generator_is_left_as_it_was(make):
    before = torch.get_rng_state()
    make(torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("make", MAKERS)
def test_equal_generators_give_equal_layers_and_advanced_ones_others(make):
    generator = torch.Generator().manual_seed(0)
    first, second, again = make(generator), make(generator), make(torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.weight, second.weight)


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_inputs_of_unit_mean_square_come_out_with_the_mean_square_of_the_gain(gain):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2000, 400, generator=generator)
    outputs = linear(400, 300, gain=gain, generator=generator, bias=False)(inputs)
    torch.testing.assert_close(outputs.square().mean().item(), gain**2, rtol=0.03, atol=0)


def test_the_leaky_gain_keeps_the_mean_square_through_the_rectifier():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rectified = torch.nn.functional.leaky_relu(leaky_gain(0.2) * values, 0.2)
    torch.testing.assert_close(rectified.square().mean().item(), 1.0, rtol=0.02, atol=0)


def test_a_layer_without_first_bias_starts_it_at_zero():
    assert torch.equal(linear(3, 2, gain=1.0, generator=torch.Generator(), bias=False).bias, torch.zeros(2))


def test_hidden_biases_stay_within_their_bound():
    bias = linear(16, 500, gain=1.0, generator=torch.Generator().manual_seed(0)).bias
    assert 0.9 / math.sqrt(16) < bias.abs().max() <= 1 / math.sqrt(16)


def test_a_strided_convolution_halves_the_image():
    layer = strided_convolution(3, 4, gain=1.0, generator=torch.Generator())
    assert layer(torch.zeros(1, 3, 10, 8)).shape == (1, 4, 5, 4)
