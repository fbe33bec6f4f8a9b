import pytest
import torch

from contrica.errors import DtypeError, ShapeError
from contrica.spaces import Box, BoxGrid, Euclidean, ProductSpace, Sphere

SPACE = ProductSpace(Sphere(3), Box(2), Euclidean(1))


def test_coordinates_of_the_blocks_stand_side_by_side():
    assert SPACE.dim == 6
    assert SPACE.sizes == (3, 2, 1)
    points = torch.arange(12.0).reshape(2, 6)
    parts = SPACE.split(points)
    assert torch.equal(torch.cat(parts, -1), points)
    assert [part.shape[-1] for part in parts] == [3, 2, 1]


def test_a_point_belongs_if_each_block_of_it_does():
    inside = [0.0, 0.6, 0.8, 0.5, 0.5, 100.0]
    off_sphere, off_box = [0.0, 0.6, 0.9, *inside[3:]], [*inside[:3], 0.5, 1.5, 100.0]
    assert SPACE.contains(torch.tensor([inside, off_sphere, off_box])).tolist() == [True, False, False]


def test_products_are_equal_where_their_blocks_are_and_bounded_or_connected_where_all_are():
    assert ProductSpace(Sphere(3), Box(2)) == ProductSpace(Sphere(3), Box(2))
    assert ProductSpace(Sphere(3), Box(2)) != ProductSpace(Box(2), Sphere(3))
    assert ProductSpace(Sphere(3), Box(2)).is_bounded
    assert not SPACE.is_bounded
    assert SPACE.is_connected
    assert not ProductSpace(Sphere(3), BoxGrid(2)).is_connected


@pytest.mark.parametrize(
    ("blocks", "error"),
    [((), ShapeError), ((Box(2),), ShapeError), ((Box(2), "box"), DtypeError), ((Box(2), SPACE), DtypeError)],
)
def test_what_makes_no_product_is_refused(blocks, error):
    with pytest.raises(error):
        ProductSpace(*blocks)
