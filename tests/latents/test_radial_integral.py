import itertools
import math

import pytest
import torch
from scipy import integrate
from torch.testing import assert_close

from contrica.latents.radial_integral import radial_integral


def log_integral(dim, t):
    """Transcribe the formula, scaled by the integrand's largest value."""
    peak = 0.5 * (t + math.hypot(t, 2.0 * math.sqrt(dim - 1.0)))
    top = (dim - 1.0) * math.log(peak) - 0.5 * peak**2 + t * peak

    def integrand(r):
        return math.exp((dim - 1.0) * math.log(r) - 0.5 * r**2 + t * r - top)

    width = 1.0 / math.sqrt(1.0 + (dim - 1.0) / peak**2)
    edges = [1e-300, *(peak + step * width for step in (-9.0, -3.0, 0.0, 3.0, 9.0, 40.0) if peak + step * width > 0)]
    pieces = [integrate.quad(integrand, *ends, epsrel=1e-12)[0] for ends in itertools.pairwise(edges)]
    return math.log(sum(pieces)) + top


@pytest.mark.parametrize("dim", [2, 3, 10, 60])
@pytest.mark.parametrize("reach", [0.5, 20.0, 1000.0])
def test_the_table_is_the_integral(dim, reach):
    places = torch.linspace(-reach, reach, 11, dtype=torch.float64)
    expected = torch.tensor([log_integral(dim, t) for t in places.tolist()], dtype=torch.float64)
    assert_close(radial_integral(dim, reach)(places), expected, rtol=1e-10, atol=1e-9)


def test_in_the_plane_it_is_a_normal_distribution_function():
    places = torch.tensor([-3.0, 0.0, 2.0], dtype=torch.float64)
    # J_2(t) = 1 + t sqrt(2 pi) exp(t^2/2) Phi(t)
    tail = math.sqrt(2.0 * math.pi) * (0.5 * places.square()).exp() * torch.special.ndtr(places)
    assert_close(radial_integral(2, 3.0)(places), torch.log1p(places * tail), rtol=1e-10, atol=1e-10)


def test_a_place_beyond_the_table_by_rounding_is_its_end():
    table = radial_integral(3, 2.0)
    ends = table(torch.tensor([2.0, 2.0 + 1e-12], dtype=torch.float64))
    assert_close(ends[0], ends[1])
