import numpy as np
import pytest

from contrica.errors import DomainError, ShapeError
from contrica.estimator.observations import VALUES_AT_ONCE, blocks, checked, refuse_nonfinite, rows_of, same_shape


def test_blocks_cover_every_row_once_in_order():
    X = np.zeros((20_000, 3))
    rows = np.concatenate([np.arange(20_000)[block] for block in blocks(X)])
    assert rows.tolist() == list(range(20_000))


def test_wide_rows_are_read_a_few_at_a_time():
    wide = np.broadcast_to(np.float32(0), (1000, VALUES_AT_ONCE // 4))
    assert rows_of(wide, VALUES_AT_ONCE, 1000) == 4
    assert max(block.stop - block.start for block in blocks(wide)) == 4


def test_rows_that_are_not_finite_are_counted_and_the_first_are_named():
    X = np.zeros((100, 2))
    X[[3, 50, 60, 70, 80, 90], 1] = np.inf
    with pytest.raises(DomainError, match=r"NaN or infinity in 6 of the rows looked at, 3, 50, 60, 70, 80, ...;"):
        checked(X, "X")


def test_rows_are_named_by_their_number_in_the_whole():
    with pytest.raises(DomainError, match=r"in 1 of the rows looked at, 1002;"):
        refuse_nonfinite(np.array([[0.0], [0.0], [np.nan]]), "X", first_row=1000)


def test_a_mapped_file_is_not_searched(tmp_path):
    X = np.zeros((10, 2))
    X[4] = np.nan
    np.save(tmp_path / "x.npy", X)
    assert len(checked(np.load(tmp_path / "x.npy", mmap_mode="r"), "X")) == 10


def test_wider_numbers_than_double_are_rounded_to_it():
    assert checked(np.zeros((2, 2), np.longdouble), "X").dtype == np.float64


def test_rows_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"each row of X_pos must have shape \(3,\)"):
        same_shape(np.zeros((2, 4)), (3,), "X_pos")
