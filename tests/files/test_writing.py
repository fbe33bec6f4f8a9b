import errno
import os
import zipfile

import h5py
import numpy as np
import pytest

from contrica.errors import DomainError, FileFormatError, MissingExtraError, OutputError
from contrica.files import read, write_arrays, write_rows, writing

CODES = np.random.default_rng(1).normal(size=(10, 3))
NAMES = ["code_0", "code_1", "code_2"]
ADDRESS = {".npz": ":codes", ".h5": ":codes"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(codes=CODES):
    yield from (codes[:4], codes[4:5], codes[5:])


@pytest.mark.parametrize("ending", writing.ENDINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_written_block_by_block_is_read_back_to_the_last_bit(ending, dtype, folder):
    path = folder / f"codes{ending}"
    codes = CODES.astype(dtype)
    write_rows(path, blocks(codes), num_rows=10, columns=NAMES)
    found = read(f"{path}{ADDRESS.get(ending, '')}")
    np.testing.assert_array_equal(found.values.astype(dtype), codes)
    assert found.columns in ((), tuple(NAMES))
    assert [one.name for one in folder.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o666 & ~writing._umask()


def test_an_archive_can_be_opened_by_numpy_and_by_zip(folder):
    write_rows(folder / "codes.npz", blocks(), num_rows=10, columns=NAMES)
    np.testing.assert_array_equal(np.load("codes.npz")["codes"], CODES)
    assert zipfile.ZipFile("codes.npz").testzip() is None


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".npz", ".h5"])
def test_several_arrays_keep_their_names(ending, folder):
    arrays = {"x": CODES, "trial": np.arange(10)}
    write_arrays(folder / f"a{ending}", arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read(f"a{ending}:{name}").values, array)


def test_several_arrays_are_columns_of_a_table(folder):
    write_arrays(folder / "a.csv", {"x": CODES, "trial": np.arange(10)})
    found = read("a.csv")
    assert found.columns == ("x_0", "x_1", "x_2", "trial")
    np.testing.assert_array_equal(found.values, np.column_stack([CODES, np.arange(10)]))
    with pytest.raises(DomainError, match=r"can hold one array.*let it end in \.npz"):
        write_arrays(folder / "a.npy", {"x": CODES, "y": CODES})
    with pytest.raises(DomainError, match="can hold columns, and x has shape"):
        write_arrays(folder / "b.csv", {"x": CODES[None]})


def test_a_file_that_is_there_stays_unless_it_may_go(folder):
    path = folder / "codes.npy"
    path.write_text("mine")
    with pytest.raises(OutputError, match="is there already; pass another --out, or --force"):
        write_rows(path, blocks(), num_rows=10, columns=NAMES)
    assert path.read_text() == "mine"
    write_rows(path, blocks(), num_rows=10, columns=NAMES, overwrite=True)
    np.testing.assert_array_equal(np.load(path), CODES)


def test_a_file_that_appears_meanwhile_stays(folder):
    path = folder / "codes.npy"

    def late():
        yield CODES
        path.write_text("mine")

    with pytest.raises(OutputError, match="is there already"):
        write_rows(path, late(), num_rows=10, columns=NAMES)
    assert path.read_text() == "mine"
    assert [one.name for one in folder.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", writing.ENDINGS)
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(ending, failure, folder):
    path = folder / f"codes{ending}"
    path.write_text("old")

    def failing():
        yield CODES[:4]
        raise failure

    wanted = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OutputError
    with pytest.raises(wanted):
        write_rows(path, failing(), num_rows=10, columns=NAMES, overwrite=True)
    assert path.read_text() == "old"
    assert [one.name for one in folder.iterdir()] == [path.name]


def test_a_full_disk_is_named(folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(OutputError, match=r"could not be written \(No space left on device\); make room"):
        write_rows(folder / "codes.npy", blocks(), num_rows=10, columns=NAMES)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("codes.doc", FileFormatError, "must end in one of"),
        ("codes", FileFormatError, "must end in one of"),
        ("missing/codes.npy", OutputError, "must lie in a folder that is there"),
        ("folder.npy", OutputError, "it is a folder"),
        ("file/codes.npy", OutputError, "must lie in a folder that is there|must be writable"),
        ("link.npy", OutputError, "is there already"),
        ("a\0.npy", OutputError, "must be writable"),
        ("x" * 300 + ".npy", OutputError, "must be writable"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_any_work(name, error, says, folder):
    (folder / "folder.npy").mkdir()
    (folder / "file").write_text("")
    os.symlink("nowhere", folder / "link.npy")
    with pytest.raises(error, match=says):
        writing.ensure_writable(folder / name)
    assert len(list(folder.iterdir())) == 3


def test_a_library_that_is_missing_is_named_before_any_work(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"needs h5py.*contrica\[files\]"):
        writing.ensure_writable(folder / "codes.h5")
    assert h5py is not None
