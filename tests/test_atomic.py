import contextlib
import errno
import os

from broken_disks import BrokenDisk
from contrica._atomic import HIDDEN, replace_files

OLD, NEW = {"a": b"old a", "b": b"old b"}, {"a": b"new a, longer", "b": b"", "c": b"new c"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_replaced_and_others_stay(tmp_path):
    replace_files(tmp_path, {**OLD, "z": b"other"})
    replace_files(tmp_path, NEW)
    assert contents(tmp_path) == {**NEW, "z": b"other"}


def test_files_can_be_read_by_whom_the_mask_lets(tmp_path):
    mask = os.umask(0o027)
    try:
        replace_files(tmp_path, OLD)
    finally:
        os.umask(mask)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


def test_a_disk_that_fails_before_the_first_rename_changes_nothing(tmp_path, monkeypatch):
    replace_files(tmp_path, OLD)
    for at in range(1, 100):
        with monkeypatch.context() as patch:
            disk = BrokenDisk(patch, at, error=OSError(errno.ENOSPC, "No space left on device"))
            with contextlib.suppress(OSError):
                replace_files(tmp_path, NEW)
        found = contents(tmp_path)
        assert not [name for name in found if name.startswith(HIDDEN)]
        # Each file is the old or the new one, and one that is new only if those before it are.
        replaced = [found.get(name) == NEW[name] for name in NEW]
        assert replaced == sorted(replaced, reverse=True)
        assert all(content in (OLD.get(name), NEW[name]) for name, content in found.items())
        if not disk.broke:
            break
        replace_files(tmp_path, OLD)
        (tmp_path / "c").unlink(missing_ok=True)
    assert at > 10
    assert contents(tmp_path) == NEW
