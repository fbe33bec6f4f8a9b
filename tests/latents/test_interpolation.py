import torch
from torch.testing import assert_close

from contrica.latents.interpolation import PiecewiseChebyshev

EDGES = torch.tensor([-1.0, 0.25, 0.25, 2.0], dtype=torch.float64)
POINTS = torch.linspace(-1.0, 2.0, 1001, dtype=torch.float64)


def test_a_smooth_function_is_reproduced():
    def function(x):
        return torch.sin(7.0 * x) * torch.exp(x)

    assert_close(PiecewiseChebyshev(function, EDGES)(POINTS), function(POINTS), rtol=0.0, atol=1e-10)


def test_a_kink_off_the_edges_is_reproduced():
    def function(x):
        return (x - 0.7654321).abs()

    assert_close(PiecewiseChebyshev(function, EDGES)(POINTS), function(POINTS), rtol=0.0, atol=1e-9)


def test_the_ends_belong_to_the_interpolant_and_shapes_are_kept():
    square = PiecewiseChebyshev(torch.square, EDGES)
    assert (square.low, square.high) == (-1.0, 2.0)
    points = torch.tensor([[-1.0, 2.0], [0.25, 0.5]], dtype=torch.float64)
    assert_close(square(points), points.square(), rtol=0.0, atol=1e-12)
