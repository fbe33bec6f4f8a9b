import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.encoders.whitening import whitening


def sample(samples, in_dim, rank, seed, offset=3.0):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randn(samples, rank, generator=generator, dtype=torch.float64)
    return factors @ torch.randn(rank, in_dim, generator=generator, dtype=torch.float64) + offset


@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 1000))
def test_the_coordinates_are_uncorrelated_with_unit_variance_and_mean_zero(dim, extra, seed):
    observations = sample(60, dim + extra, dim + extra, seed)
    weight, bias = whitening(observations, dim)
    coordinates = observations @ weight.T + bias
    torch.testing.assert_close(torch.cov(coordinates.T).reshape(dim, dim), torch.eye(dim, dtype=torch.float64))
    torch.testing.assert_close(coordinates.mean(0), torch.zeros(dim, dtype=torch.float64), rtol=0, atol=1e-9)


def test_more_columns_than_rows_are_whitened_too():
    observations = sample(20, 500, 500, 0)
    weight, bias = whitening(observations, 4)
    coordinates = observations @ weight.T + bias
    torch.testing.assert_close(torch.cov(coordinates.T), torch.eye(4, dtype=torch.float64))


def test_the_two_ways_of_taking_eigenvectors_agree():
    observations = sample(40, 41, 5, 1)
    wide, _ = whitening(observations, 5)
    narrow, _ = whitening(observations[:, :-1], 5)
    both = whitening(torch.cat([observations[:, :-1], torch.zeros(40, 1, dtype=torch.float64)], 1), 5)[0]
    torch.testing.assert_close(both[:, :-1], narrow, rtol=1e-6, atol=1e-9)
    assert not torch.allclose(wide[:, :-1], narrow)


@pytest.mark.parametrize("in_dim", [6, 200])
def test_directions_that_the_observations_do_not_span_get_zero_rows(in_dim):
    observations = sample(50, in_dim, 2, 2).float()
    weight, bias = whitening(observations, 4)
    coordinates = observations.double() @ weight.T + bias
    wanted = torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(torch.cov(coordinates.T), wanted, rtol=0, atol=1e-6)
    assert torch.equal(weight[2:], torch.zeros(2, in_dim, dtype=torch.float64))


def test_more_codes_than_columns_get_zero_rows():
    weight, bias = whitening(sample(50, 2, 2, 3), 5)
    assert weight.shape == (5, 2)
    assert bias.shape == (5,)
    assert not weight[2:].any()


def test_the_widest_directions_are_kept():
    observations = torch.randn(5000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 100.0, 10.0])
    weight, _ = whitening(observations, 1)
    torch.testing.assert_close(weight[0, 1].item(), 0.01, rtol=0.05, atol=0)


def test_the_sign_is_that_of_the_largest_entry():
    weight, _ = whitening(sample(50, 4, 4, 4), 4)
    assert (weight.gather(1, weight.abs().argmax(1, keepdim=True)) > 0).all()
