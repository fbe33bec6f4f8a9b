import pytest
import torch

from contrica.datasets import photograph
from contrica.errors import UnknownNameError
from contrica.mixing import Camera

pytest.importorskip("PIL")


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_a_photograph_is_in_colour_and_between_zero_and_one(name):
    image = photograph(name)
    assert image.shape == (3, 427, 640)
    assert image.dtype == torch.float32
    assert image.min() >= 0.0
    assert 0.9 < image.max() <= 1.0


def test_the_channels_are_red_green_and_blue():
    sky = photograph("china.jpg")[:, :50].mean((1, 2))
    assert sky[2] > sky[0]


def test_the_photographs_are_different():
    assert not torch.equal(photograph("china.jpg"), photograph("flower.jpg"))


def test_a_camera_can_look_at_a_photograph():
    crops = Camera(photograph("flower.jpg"))(torch.rand(8, 2, generator=torch.Generator().manual_seed(0)))
    assert crops.shape == (8, 3, 32, 32)
    assert crops.flatten(1).std(0).min() > 0.0


@pytest.mark.parametrize("name", ["flower", "", "cat.jpg"])
def test_an_unknown_name_lists_the_two(name):
    with pytest.raises(UnknownNameError, match=r"china\.jpg and flower\.jpg"):
        photograph(name)
