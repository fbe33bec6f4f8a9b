import mmap
import os

import numpy as np
import pytest
import torch

from contrica.errors import DomainError, DtypeError, ShapeError, UnreadableFileError
from contrica.pairs import TemporalPairs
from contrica.pairs.recording import Recording

ROWS = torch.tensor([2, 0])


@pytest.mark.parametrize(
    ("observations", "dtype"),
    [
        (np.arange(6, dtype=np.uint8).reshape(3, 2), torch.float32),
        (np.arange(6).reshape(3, 2) > 2, torch.float32),
        (np.arange(6.0).reshape(3, 2), torch.float64),
        (np.arange(6, dtype=">f4").reshape(3, 2), torch.float32),
        (np.arange(6, dtype=np.float16).reshape(3, 2), torch.float16),
        (torch.arange(6).reshape(3, 2), torch.float32),
        (torch.arange(6.0, dtype=torch.float64).reshape(3, 2), torch.float64),
    ],
)
def test_floating_dtypes_are_kept_and_others_become_float32(observations, dtype):
    taken = Recording(observations).take(ROWS)
    values = [[bool(v) if np.dtype(bool) == observations.dtype else v for v in row] for row in ([4, 5], [0, 1])]
    if observations.dtype == np.dtype(bool):
        values = [[1, 1], [0, 0]]
    torch.testing.assert_close(taken, torch.tensor(values, dtype=dtype), rtol=0, atol=0)


def test_given_rows_are_copies_without_gradients():
    observations = torch.ones(3, 2, requires_grad=True)
    taken = Recording(observations).take(ROWS)
    taken += 1
    assert not taken.requires_grad
    assert bool((observations == 1).all())


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[:], np.asarray])
def test_a_mapped_file_is_read_where_it_is_drawn_and_nowhere_else(tmp_path, view):
    mapped = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(100, 3))
    mapped[50:] = np.nan
    recording = Recording(view(mapped))
    assert bool((recording.take(torch.arange(50)) == 0).all())
    with pytest.raises(DomainError, match="row 70"):
        recording.take(torch.tensor([3, 70]))


def test_pairs_are_drawn_from_a_mapped_file(tmp_path):
    mapped = np.memmap(tmp_path / "rows", np.int16, "w+", shape=(100, 1))
    mapped[:, 0] = np.arange(100)
    batch = TemporalPairs(mapped, lags=7).draw(20, generator=torch.Generator().manual_seed(0))
    assert bool((batch.positives - batch.anchors == 7).all())


@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray])
def test_the_first_bad_row_in_memory_is_named(kind, monkeypatch):
    monkeypatch.setattr("contrica.pairs.recording.CHECKED_AT_ONCE", 6)
    values = np.zeros((20, 2))
    values[13, 1], values[17, 0] = np.inf, np.nan
    with pytest.raises(DomainError, match="row 13"):
        Recording(kind(values))


@pytest.mark.parametrize(
    ("observations", "error"),
    [
        (np.zeros(5), ShapeError),
        (np.zeros((5, 0)), ShapeError),
        (np.zeros((1, 5)), ShapeError),
        (np.zeros((0, 5)), ShapeError),
        (np.zeros((5, 2), complex), DtypeError),
        (torch.zeros(5, 2, dtype=torch.complex64), DtypeError),
        (np.array([["a"], ["b"]]), DtypeError),
        (np.array([[None], [1]], dtype=object), DtypeError),
        ([[1.0], [2.0]], DtypeError),
        (None, DtypeError),
    ],
)
def test_what_holds_no_observations_is_refused(observations, error):
    with pytest.raises(error):
        Recording(observations)


@pytest.mark.skipif(os.name != "posix", reason="a mapped file cannot be cut here")
@pytest.mark.parametrize("offset", [128, 3 * mmap.ALLOCATIONGRANULARITY + 8])
@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[5:], np.asarray])
def test_a_mapped_file_that_another_program_cut_is_a_sentence_and_not_the_end(tmp_path, view, offset):
    path = tmp_path / "rows"
    path.write_bytes(bytes(offset + 80_000))
    recording = Recording(view(np.memmap(path, np.float64, "r", offset, (5000, 2))))
    assert recording.take(ROWS).shape == (2, 2)
    os.truncate(path, offset + 40_000)
    with pytest.raises(UnreadableFileError, match="must stay as it is while it is used, and 40000 bytes were cut"):
        recording.take(ROWS)
