import math

import pytest
import torch
from torch.testing import assert_close

from contrica.latents.quadrature import ladder, refine


def log_integral(log_integrand, edges):
    edges = torch.tensor([edges], dtype=torch.float64)
    return refine(lambda nodes, owners: log_integrand(nodes), edges).log_integrals().item()


@pytest.mark.parametrize("exponent", [0.1, 0.5, 1.5, 3.0])
def test_an_algebraic_singularity_at_an_edge_is_resolved(exponent):
    # int_0^1 x^q dx = 1/(1 + q)
    assert_close(log_integral(lambda x: exponent * x.log(), [0.0, 1.0]), -math.log1p(exponent), rtol=0.0, atol=1e-12)


def test_a_kink_inside_a_panel_is_found():
    value = log_integral(lambda x: -50.0 * (x - 0.3123).abs(), [0.0, 1.0])
    expected = math.log((2.0 - math.exp(-50 * 0.3123) - math.exp(-50 * 0.6877)) / 50.0)
    assert_close(value, expected, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("offset", [0.0, -5000.0, 5000.0])
def test_a_narrow_peak_between_the_first_nodes_is_climbed_whatever_its_height(offset):
    scale = 1e-4
    value = log_integral(lambda x: offset - 0.5 * ((x - 0.54321) / scale) ** 2, [0.0, 1.0])
    assert_close(value, offset + math.log(scale * math.sqrt(2.0 * math.pi)), rtol=0.0, atol=1e-9)


def test_each_owner_gets_its_own_integral():
    edges = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 3.0]], dtype=torch.float64)
    rates = torch.tensor([1.0, 2.0], dtype=torch.float64)
    values = refine(lambda nodes, owners: -rates[owners] * nodes, edges).log_integrals()
    expected = [(1 - math.exp(-2.0)), (1 - math.exp(-6.0)) / 2.0]
    assert_close(values.exp(), torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=0.0)


def test_an_integrand_that_is_zero_integrates_to_zero():
    assert log_integral(lambda x: torch.full_like(x, -torch.inf), [0.0, 1.0]) == -math.inf


def test_the_ladder_is_ascending_within_its_ends_and_meets_its_landmarks():
    places = torch.tensor([0.2, 0.7], dtype=torch.float64)
    edges = ladder([(places, 0.01), (0.5, 0.1)], low=0.0, high=1.0)
    assert edges.shape[0] == 2
    assert (edges.diff(dim=1) >= 0).all()
    assert (edges[:, 0] == 0.0).all()
    assert (edges[:, -1] == 1.0).all()
    assert all((row == place).any() and (row == 0.5).any() for row, place in zip(edges, places, strict=True))
