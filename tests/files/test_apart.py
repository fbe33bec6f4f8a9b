"""The process apart may end, stall, talk nonsense or not start; reading then ends in one sentence."""

import json
import struct

import h5py
import numpy as np
import pytest

from contrica.errors import FileFormatError, MissingExtraError
from contrica.files import apart, child, contents, read
from contrica.files.apart import ReaderProcess

SAY = """
import json, os, signal, struct, sys, time
def say(kind, what):
    payload = what if isinstance(what, bytes) else json.dumps(what).encode()
    sys.stdout.buffer.write(struct.pack("<cQ", kind, len(payload)) + payload)
    sys.stdout.buffer.flush()
sys.stdin.readline()
say(b"I", b"")
head = {"mapped": False, "dtype": "<f8", "row_shape": [2], "num_rows": 3, "columns": []}
"""


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.arange(6.0).reshape(3, 2)
        file.create_dataset("packed", data=np.arange(6.0).reshape(3, 2), chunks=(2, 2), compression="gzip")
    return tmp_path / "x.h5"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ended the process that read it (SIGSEGV)"),
        ("os.abort()", "SIGABRT"),
        ("sys.exit(3)", "ended the process that read it;"),
        ("time.sleep(60)", "nothing came of it for 1 s"),
        ("say(b'H', head); time.sleep(60)", "nothing came of it for 1 s"),
        ("say(b'H', head); say(b'B', bytes(48)); os.abort()", "SIGABRT"),
        ("say(b'H', head); say(b'B', bytes(47))", "makes no sense"),
        ("say(b'H', head); say(b'B', bytes(64))", "makes no sense"),
        ("say(b'H', head); say(b'B', bytes(32)); say(b'E', {'categories': []})", "must hold 3 rows, and it holds 2"),
        ("say(b'H', head | {'dtype': '|O8'})", "makes no sense"),
        ("say(b'H', head | {'num_rows': 10**15})", "claim to be"),
        ("say(b'H', head | {'row_shape': [-1]})", "it is damaged"),
        ("say(b'H', {'mapped': True, 'dtype': '<f8', 'shape': [10**6], 'offset': 8})", "cut short"),
        ("say(b'H', {'mapped': True, 'dtype': '<f8', 'shape': [1], 'offset': -8})", "makes no sense"),
        ("say(b'H', {})", "makes no sense"),
        ("say(b'Q', {})", "makes no sense"),
        ("sys.stdout.buffer.write(struct.pack('<cQ', b'H', 2**60)); sys.stdout.flush(); time.sleep(60)", "no sense"),
        ("say(b'R', {'kind': 'exec', 'sentence': 'it is made to do harm'})", "it is made to do harm"),
    ],
)
def test_what_the_process_does_becomes_one_sentence(program, says, path, monkeypatch):
    monkeypatch.setattr(apart, "BOOT", SAY + program)
    with ReaderProcess(stalled_after=1.0) as process, pytest.raises(FileFormatError) as raised:
        read(f"{path}:x", process=process)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_a_process_that_ended_is_started_again(path):
    with ReaderProcess() as process:
        for _ in range(2):
            np.testing.assert_array_equal(read(f"{path}:packed", process=process).values, [[0, 1], [2, 3], [4, 5]])
            process._process.kill()
            with pytest.raises(FileFormatError, match="ended the process"):
                read(f"{path}:packed", process=process)


def test_blocks_that_nobody_took_do_not_mix_with_the_next_answer(path):
    with ReaderProcess() as process:
        left = process.open_array("hdf5", path, "packed")
        assert [one.name for one in contents(path, process=process).arrays] == ["packed", "x"]
        with pytest.raises(FileFormatError):
            list(left.blocks)


def test_the_process_can_write_no_file_and_ends_with_the_one_that_started_it(path, tmp_path, monkeypatch):
    program = f"""
from contrica.files import child
child._give_up_rights()
try:
    with open({str(tmp_path / "made")!r}, "w") as file:
        file.write("x" * 100)
    said = "it wrote"
except OSError as error:
    said = "it may not write, " + error.strerror
try:
    held = bytearray(8 << 30)
    said += ", and took memory"
except MemoryError:
    said += ", nor take memory"
say(b"R", {{"kind": "FileFormatError", "sentence": said}})
"""
    boot = apart.BOOT.replace("from contrica.files.child import main\nmain()\n", SAY.strip() + program)
    monkeypatch.setattr(apart, "BOOT", boot)
    with ReaderProcess() as process:
        with pytest.raises(FileFormatError, match=r"it may not write, .*, nor take memory"):
            read(f"{path}:x", process=process)
        running = process._process
    assert running.poll() is not None
    assert not (tmp_path / "made").exists() or (tmp_path / "made").stat().st_size == 0


def answers(requests):
    said = []
    lines = [json.dumps(request).encode() for request in requests]
    child.serve(lines, lambda kind, payload: said.append((kind, payload)))
    return said


def test_a_missing_library_is_named_with_the_extra_that_brings_it(path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(child.importlib, "import_module", missing)
    ((kind, payload),) = answers([{"verb": "open", "format": "hdf5", "path": str(path), "member": "x"}])
    assert kind == b"R"
    assert json.loads(payload) == {
        "kind": "MissingExtraError",
        "sentence": f"{path} needs h5py, which is not installed; pip install 'contrica[files]'",
    }
    assert issubclass(MissingExtraError, ImportError)


def test_the_process_answers_in_frames_and_only_for_its_formats(path):
    loaded, head, block, end = answers([{"verb": "open", "format": "hdf5", "path": str(path), "member": "packed"}])
    assert (loaded[0], head[0], block[0], end[0]) == (b"I", b"H", b"B", b"E")
    assert block[1] == struct.pack("<6d", *range(6))
    ((kind, payload),) = answers([{"verb": "contents", "format": "os", "path": str(path)}])
    assert kind == b"R"
    assert "must be one of" in json.loads(payload)["sentence"]
