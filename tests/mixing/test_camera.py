import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.mixing import Camera

IMAGE = torch.rand(3, 31, 47, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WINDOW, SHOWN = 20, 5


def camera_of(image=IMAGE, window=WINDOW, shown=SHOWN):
    return Camera(image, window=window, shown=shown)


def area_average(image, left, top, side):
    """Mean of a piecewise constant picture over a square with real corners, pixel by pixel."""
    total = np.zeros(image.shape[0])
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            tall = max(0.0, min(row + 1, top + side) - max(row, top))
            wide = max(0.0, min(column + 1, left + side) - max(column, left))
            total += tall * wide * image[:, row, column]
    return total / side**2


@given(across=st.floats(0.0, 1.0), down=st.floats(0.0, 1.0), row=st.integers(0, 4), column=st.integers(0, 4))
def test_a_pixel_is_the_mean_of_the_picture_over_its_cell(across, down, row, column):
    crop = camera_of()(torch.tensor([[across, down]], dtype=torch.float64))[0]
    left, top = across * (47 - WINDOW) + 4 * column, down * (31 - WINDOW) + 4 * row
    expected = area_average(IMAGE.numpy(), left, top, 4)
    assert_close(crop[:, row, column], torch.from_numpy(expected), rtol=1e-10, atol=1e-10)


def test_the_corners_of_the_square_are_the_corners_of_the_picture():
    crops = camera_of()(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64))
    assert crops.shape == (4, *camera_of().observation_shape)
    means = IMAGE.unfold(1, 4, 1).unfold(2, 4, 1).mean((-1, -2))
    for crop, (top, left) in zip(crops, [(0, 0), (0, 27), (11, 0), (11, 27)], strict=True):
        assert_close(crop, means[:, top : top + 20 : 4, left : left + 20 : 4])


def test_the_crop_moves_smoothly_with_the_position_and_passes_gradients():
    positions = torch.tensor([[0.3, 0.6], [0.71, 0.13]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(camera_of(), (positions,))
    step = torch.tensor([[1e-4, 0.0]], dtype=torch.float64)
    places = positions.detach()
    change = (camera_of()(places + step) - camera_of()(places)).abs().max()
    assert 0.0 < float(change) < 1e-4 * 27


def test_float32_positions_and_pictures_give_the_same_crops():
    positions = torch.rand(20, 2, generator=torch.Generator().manual_seed(1))
    crops = camera_of(IMAGE.float())(positions)
    assert crops.dtype == torch.float32
    assert crops.is_contiguous()
    assert_close(crops.double(), camera_of()(positions.double()), rtol=0.0, atol=1e-4)


def test_a_row_depends_on_its_own_position_only():
    positions = torch.rand(6, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert_close(camera_of()(positions)[3], camera_of()(positions[3:4])[0])


@pytest.mark.parametrize(("window", "shown"), [(31, 31), (40, 5), (20, 6), (0, 5), (20, 0)])
def test_a_window_that_does_not_fit_is_refused(window, shown):
    with pytest.raises(DomainError):
        camera_of(window=window, shown=shown)


def test_what_is_no_picture_is_refused():
    for image in (IMAGE[0], IMAGE[:0], None):
        with pytest.raises(ShapeError):
            camera_of(image)
    with pytest.raises(DtypeError):
        camera_of((255 * IMAGE).to(torch.uint8))
    with pytest.raises(DomainError):
        camera_of(IMAGE * math.nan)


def test_what_is_no_position_is_refused():
    with pytest.raises(ShapeError):
        camera_of()(torch.zeros(4, 3))
    with pytest.raises(DomainError, match="unit square"):
        camera_of()(torch.tensor([[0.5, 1.01]]))
    with pytest.raises(DomainError, match="finite"):
        camera_of()(torch.tensor([[0.5, math.nan]]))
