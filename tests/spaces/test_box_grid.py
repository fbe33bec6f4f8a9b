import math

import pytest
import torch

from contrica.errors import DomainError, DtypeError
from contrica.spaces import BoxGrid


def test_the_intervals_fill_the_sides_but_for_the_gaps():
    grid = BoxGrid(3, cells=3, gap=0.1, low=-1.0, high=1.0)
    assert grid.cell_side == pytest.approx(0.6)
    flat = [end for interval in grid.intervals for end in interval]
    assert flat == pytest.approx([-1.0, -0.4, -0.3, 0.3, 0.4, 1.0])
    assert grid.is_bounded
    assert not grid.is_connected


def test_a_point_belongs_if_every_coordinate_lies_in_an_interval():
    grid = BoxGrid(2, gap=0.2)
    points = torch.tensor([[0.0, 1.0], [0.4, 0.6], [0.5, 0.1], [0.1, -0.1], [0.7, 0.45]])
    assert grid.contains(points).tolist() == [True, True, False, False, False]
    assert grid.contains(points[:, :1]).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"dim": 0}, DomainError),
        ({"cells": 1}, DomainError),
        ({"cells": 2.0}, DtypeError),
        ({"gap": 0.0}, DomainError),
        ({"gap": 1.0}, DomainError),
        ({"gap": math.nan}, DomainError),
        ({"low": 2.0}, DomainError),
    ],
)
def test_a_grid_without_cells_or_gaps_is_refused(settings, error):
    with pytest.raises(error):
        BoxGrid(**{"dim": 2, **settings})
