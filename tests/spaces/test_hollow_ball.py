import math

import pytest
import torch

from contrica.errors import DomainError, DtypeError
from contrica.spaces import HollowBall


def test_the_core_and_the_outside_do_not_belong():
    points = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.6, -0.6], [1.0, 0.0], [0.9, 0.9]])
    assert HollowBall(2).contains(points).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize(("dim", "inner", "outer"), [(2, 0.5, 1.0), (3, 1.0, 3.0), (5, 0.9, 1.0)])
def test_the_volume_is_the_share_of_points_of_the_cube(dim, inner, outer):
    ball = HollowBall(dim, inner=inner, outer=outer)
    points = outer * (2.0 * torch.rand(400_000, dim, generator=torch.Generator().manual_seed(0)) - 1.0)
    share = ball.contains(points, tolerance=0.0).double().mean()
    expected = math.exp(ball.log_volume - dim * math.log(2.0 * outer))
    assert abs(share - expected) < 4.0 * math.sqrt(expected / 400_000)
    assert ball.is_bounded
    assert ball.is_connected


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"dim": 1}, DomainError),
        ({"dim": "2"}, DtypeError),
        ({"inner": 1.0}, DomainError),
        ({"inner": 0.0}, DomainError),
        ({"outer": math.inf}, DomainError),
    ],
)
def test_a_ball_without_core_or_shell_is_refused(settings, error):
    with pytest.raises(error):
        HollowBall(**{"dim": 2, **settings})
