import json
import os
import signal
import subprocess
import sys
import time

import pytest

from contrica._atomic import HIDDEN
from contrica.errors import OutputError, RecordError
from contrica.report import default_folder, ensure_writable, read_run, render_again, write_run
from synthetic_records import record, run_of

NAMES = {"record.json", "table.md", "index.html"}

WRITE_FOREVER = """
import sys
from pathlib import Path
from contrica.report import write_run
from synthetic_records import record, run_of

run = run_of(record(dim=2))
print("ready", flush=True)
number = 0
while True:
    number += 1
    write_run(run, Path(sys.argv[1]) / (f"new-{number}" if sys.argv[2] == "new" else "same"), overwrite=True)
"""


@pytest.fixture(scope="module")
def run():
    return run_of(record(dim=2))


def names(place):
    return {path.name for path in place.iterdir()}


def test_a_run_leaves_three_files_and_nothing_else(run, tmp_path):
    paths = write_run(run, tmp_path / "deep" / "out")
    assert names(tmp_path / "deep" / "out") == NAMES == {path.name for path in paths}
    assert names(tmp_path / "deep") == {"out"}
    assert read_run(tmp_path / "deep" / "out") == run


def test_an_empty_folder_is_filled(run, tmp_path):
    write_run(run, tmp_path)
    assert names(tmp_path) == NAMES


def test_a_filled_folder_is_refused_and_left_as_it_is(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write_run(run, tmp_path)
    assert names(tmp_path) == {"notes.txt"}


def test_overwriting_replaces_the_run_and_keeps_other_files(run, tmp_path):
    write_run(run, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    write_run(run_of(record(dim=2), seeds=(5,)), tmp_path, overwrite=True)
    assert names(tmp_path) == NAMES | {"notes.txt"}
    assert read_run(tmp_path).seeds == (5,)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="it is a file"):
        ensure_writable(tmp_path / "out", overwrite=True)
    with pytest.raises(OutputError, match="must be writable"):
        ensure_writable(tmp_path / "out" / "deeper")


@pytest.mark.parametrize("name", ["no\0name", "x" * 300])
def test_a_name_that_no_folder_can_have_is_refused(name, tmp_path):
    with pytest.raises(OutputError, match="must be writable"):
        ensure_writable(tmp_path / name)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_unwritable_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="must be writable"):
        ensure_writable(tmp_path / "out")


def test_asking_leaves_nothing_behind(tmp_path):
    ensure_writable(tmp_path / "a" / "b")
    assert names(tmp_path) == set()


def test_a_failed_write_leaves_the_old_run_whole(run, tmp_path, monkeypatch):
    write_run(run, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_run(run_of(record(dim=2), seeds=(9,)), tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="No space left"):
        write_run(run, tmp_path / "new")
    monkeypatch.undo()
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_rendering_again_gives_the_same_bytes(run, tmp_path):
    write_run(run, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}
    (tmp_path / "table.md").write_text("spoilt")
    (tmp_path / "index.html").unlink()
    render_again(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"{}", b'{"format": "contrica-run"'])
def test_a_folder_without_a_readable_record_is_refused_and_left_as_it_is(content, tmp_path):
    if content is not None:
        (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(RecordError, match=r"record\.json"):
        render_again(tmp_path)
    assert names(tmp_path) <= {"record.json"}


def test_a_record_with_a_damaged_run_is_refused(run, tmp_path):
    found = json.loads(run.to_json())
    found["runs"][0]["scores"]["r2"] = "high"
    (tmp_path / "record.json").write_text(json.dumps(found))
    with pytest.raises(RecordError, match="damaged"):
        render_again(tmp_path)


def test_the_default_folder_cannot_leave_its_parent():
    assert default_folder("photo", [3], ["../../etc/passwd"]).as_posix() == "runs/photo-passwd-seed3"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
@pytest.mark.parametrize("place", ["new", "same"])
def test_a_writer_that_is_killed_leaves_whole_files_only(place, tmp_path):
    """Each kill comes at another moment of a loop that does nothing but write."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    seen = 0
    for delay in (0.02, 0.043):
        command = [sys.executable, "-c", WRITE_FOREVER, str(tmp_path), place]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(0.3 + delay)
            writer.send_signal(signal.SIGKILL)
        for out in tmp_path.iterdir():
            if out.name.startswith(HIDDEN):
                continue
            assert {name for name in names(out) if not name.startswith(HIDDEN)} == NAMES
            assert read_run(out).recipe == "made-up"
            assert (out / "index.html").read_text(encoding="utf-8").endswith("</html>\n")
            seen += 1
    assert seen > 0
