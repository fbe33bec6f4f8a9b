import numpy as np
import pytest
import torch

from contrica.datasets import Sprites, draw_factors
from contrica.datasets.sprites import FACTORS, NUM_VALUES, PARTS
from contrica.errors import DomainError, FileFormatError, ShapeError
from recorded_data import needs_recordings

Image = pytest.importorskip("PIL.Image")

SHEETS = {"body": 7, "shoes": 3, "bottomwear": 7, "topwear": 7, "eyes": 5, "hair": 10}


def colour(part, number):
    """A colour of its own for each sheet."""
    return (20 * list(SHEETS).index(part), 25 * number, 128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sheets in which each part paints a stripe of eight rows, with the tile's row and column in its first pixels."""
    home = tmp_path_factory.mktemp("sheets")
    for stripe, (part, variants) in enumerate(SHEETS.items()):
        (home / part).mkdir()
        for number in range(variants):
            sheet = np.zeros((21, 64, 13, 64, 4), np.uint8)
            sheet[:, 8 * stripe : 8 * stripe + 8, :, :, :3] = colour(part, number)
            sheet[:, 8 * stripe : 8 * stripe + 8, :, :, 3] = 255
            for row in range(21):
                sheet[row, 8 * stripe, :, 0, 0] = row
            for column in range(13):
                sheet[:, 8 * stripe, column, 1, 0] = column
            Image.fromarray(sheet.reshape(21 * 64, 13 * 64, 4)).save(home / part / f"{number}.png", compress_level=1)
    return home


@pytest.fixture(scope="module")
def sprites(folder):
    return Sprites(folder)


@pytest.mark.slow
def test_each_part_is_the_sheet_that_its_factor_names(sprites):
    factors = torch.tensor([[6, 2, 5, 4, 3, 9, 0, 0, 0], [0, 0, 0, 5, 0, 0, 0, 0, 0]])
    images = (255 * sprites.images(factors)).round().int()
    for stripe, part in enumerate(PARTS):
        for row in range(2):
            number = int(factors[row, stripe])
            # Sheet 5 of these two lacks an action, so that the sixth variant is sheet 6.
            number += part in ("bottomwear", "topwear") and number == 5
            assert tuple(images[row, :, 8 * stripe + 4, 30].tolist()) == colour(part, number)


def test_action_direction_and_frame_choose_the_tile(sprites):
    factors = torch.zeros(3, 9, dtype=torch.int64)
    factors[:, 6:] = torch.tensor([[0, 0, 0], [2, 3, 4], [4, 1, 5]])
    images = (255 * sprites.images(factors)).round().int()
    assert images[:, 0, 0, 0].tolist() == [0, 4 * 2 + 3, 4 * 4 + 1]
    assert images[:, 0, 0, 1].tolist() == [0, 4, 5]


def test_the_ground_is_grey_and_partly_transparent_pixels_let_it_through(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "sheets")
    sheet = np.zeros((21 * 64, 13 * 64, 4), np.uint8)
    sheet[50] = (255, 0, 0, 51)
    Image.fromarray(sheet).save(tmp_path / "sheets" / "body" / "0.png")
    image = Sprites(tmp_path / "sheets").images(torch.zeros(1, 9, dtype=torch.int64))[0]
    torch.testing.assert_close(image[:, 63, 5], torch.full((3,), 0.5))
    torch.testing.assert_close(image[:, 50, 5], torch.tensor([0.5 * 0.8 + 0.2, 0.4, 0.4]))


def test_shrunken_images_are_means_of_pixels(folder, sprites):
    factors = draw_factors(5, generator=torch.Generator().manual_seed(0))
    small = Sprites(folder, shrink=2)
    assert small.size == 32
    blocks = sprites.images(factors).reshape(5, 3, 32, 2, 32, 2).mean((3, 5))
    torch.testing.assert_close(small.images(factors), blocks)


def test_factors_are_drawn_evenly(sprites):
    factors = draw_factors(20_000, generator=torch.Generator().manual_seed(0))
    assert factors.shape == (20_000, len(FACTORS))
    for column, values in enumerate(NUM_VALUES):
        shares = torch.bincount(factors[:, column], minlength=values) / 20_000
        assert len(shares) == values
        torch.testing.assert_close(shares, torch.full((values,), 1 / values), rtol=0, atol=0.015)


@pytest.mark.parametrize(
    ("factors", "error"),
    [
        (torch.zeros(2, 8, dtype=torch.int64), ShapeError),
        (torch.zeros(2, 9), ShapeError),
        (torch.full((1, 9), -1), DomainError),
        (torch.tensor([NUM_VALUES]), DomainError),
    ],
)
def test_factors_that_name_no_image_are_refused(factors, error, sprites):
    with pytest.raises(error):
        sprites.images(factors)


def test_a_missing_or_foreign_sheet_is_refused_and_named(folder, tmp_path):
    import shutil

    with pytest.raises(FileFormatError, match=r"0\.png must be a sheet"):
        Sprites(tmp_path)
    shutil.copytree(folder, tmp_path / "sheets")
    for content in (b"no picture", (folder / "body" / "1.png").read_bytes()[:500]):
        (tmp_path / "sheets" / "body" / "1.png").write_bytes(content)
        with pytest.raises(FileFormatError, match=r"1\.png must be a sheet"):
            Sprites(tmp_path / "sheets")
    Image.new("RGBA", (64, 64)).save(tmp_path / "sheets" / "body" / "1.png")
    with pytest.raises(FileFormatError, match="64 x 64 pixels instead of"):
        Sprites(tmp_path / "sheets")
    with pytest.raises(DomainError):
        Sprites(folder, shrink=3)


@pytest.mark.slow
@needs_recordings
def test_of_the_real_figures_only_eyes_and_a_few_actions_can_change_unseen():
    sprites, generator = Sprites(), torch.Generator().manual_seed(0)
    factors = draw_factors(200, generator=generator)
    images = sprites.images(factors)
    unseen = {}
    for column, (name, values) in enumerate(zip(FACTORS, NUM_VALUES, strict=True)):
        changed = factors.clone()
        changed[:, column] = (changed[:, column] + 1) % values
        unseen[name] = float((sprites.images(changed) == images).flatten(1).all(1).double().mean())
    assert 0.2 < unseen.pop("eyes") < 0.5
    assert unseen.pop("action") < 0.1
    assert set(unseen.values()) == {0.0}
