import numpy as np
import pytest

from contrica.datasets import OpenFieldPath, open_field_path
from contrica.errors import DomainError, FileFormatError, ShapeError
from recorded_data import needs_recordings


def walk(rows=40):
    times = 5.0 + 0.02 * np.arange(rows)
    return times, np.stack([np.linspace(0.1, 0.9, rows), np.linspace(0.9, 0.5, rows)], axis=1)


def test_a_path_is_read_as_it_was_written(tmp_path):
    times, positions = walk()
    np.savez(tmp_path / "path.npz", t=times, pos=positions)
    read = open_field_path(tmp_path / "path.npz")
    np.testing.assert_array_equal(read.times, times)
    np.testing.assert_array_equal(read.positions, positions)


def test_positions_between_two_known_ones_lie_on_the_line_through_them():
    path = OpenFieldPath(*walk()).every(0.05)
    np.testing.assert_allclose(np.diff(path.times), 0.05)
    np.testing.assert_allclose(path.times[0], 5.025)
    slopes = np.diff(path.positions, axis=0) / 0.05
    np.testing.assert_allclose(slopes, np.broadcast_to([0.8, -0.4], slopes.shape) / (39 * 0.02))


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused_and_named(content, tmp_path):
    (tmp_path / "path.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"path\.npz must hold t and pos"):
        open_field_path(tmp_path / "path.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"t": np.arange(3.0)},
        {"t": np.arange(3.0), "pos": np.zeros((4, 2))},
        {"t": np.array([0.0, 2.0, 1.0]), "pos": np.zeros((3, 2))},
        {"t": np.arange(3.0), "pos": np.full((3, 2), np.nan)},
        {"t": np.array([{}, {}, {}], dtype=object), "pos": np.zeros((3, 2))},
    ],
)
def test_a_file_that_holds_no_path_is_refused(arrays, tmp_path):
    np.savez(tmp_path / "path.npz", **arrays)
    with pytest.raises(FileFormatError, match="must hold t and pos of a path"):
        open_field_path(tmp_path / "path.npz")


def test_rows_that_describe_no_path_are_refused():
    with pytest.raises(ShapeError, match="pass arrays of equal length"):
        OpenFieldPath(np.arange(3.0), np.zeros((3, 3)))
    with pytest.raises(DomainError, match="sort them"):
        OpenFieldPath(np.array([0.0, 0.0]), np.zeros((2, 2)))


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.5, float("nan")])
def test_a_width_that_leaves_no_path_is_refused(seconds):
    with pytest.raises(DomainError):
        OpenFieldPath(*walk()).every(seconds)


@needs_recordings
def test_the_recorded_rat_stays_in_a_box_of_a_metre_for_ten_minutes():
    path = open_field_path()
    assert len(path.times) == 29_800
    assert path.positions.min() >= 0.0
    assert path.positions.max() <= 1.0
    assert 599 < path.times[-1] - path.times[0] < 600
