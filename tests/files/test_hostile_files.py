"""Whatever is in a file, reading it ends in an array of numbers or in one sentence, soon, in little memory, alone."""

import resource
import time

import numpy as np
import pytest

from contrica.errors import ContricaError
from contrica.files import ReaderProcess, contents, read
from hostile_files import SEEDS, hostile

FEW, MANY = 200, 10_000

STALLED_AFTER = 2.0
"""Seconds after which reading is given up. libhdf5 goes round for ever in about one in a thousand of these files."""

LONGEST = 60.0
"""Seconds that one file may take, loading a library anew included, on a machine that does other things as well."""

MEMORY = 1 << 30
"""Bytes that this process may grow by."""


def one_sentence(error):
    text = str(error)
    return 20 < len(text) < 700 and "\n" not in text and "Traceback" not in text


def read_all(ending, count, folder):
    """Read hostile files; return how many gave an array and how many a sentence."""
    arrays = refusals = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ReaderProcess(stalled_after=STALLED_AFTER) as process:
        for number, (path, member) in enumerate(hostile(ending, count, folder)):
            address = f"{path}:{member}" if member else path
            began, refused = time.monotonic(), None
            try:
                if number % 5:
                    found = read(address, process=process)
                    assert found.values.dtype.kind in "fiub"
                    assert found.values.size
                    np.sum(found.values[:1], dtype=float)
                    del found
                else:
                    contents(path, process=process)
                arrays += 1
            except ContricaError as error:
                refused = error
                refusals += 1
            assert refused is None or one_sentence(refused), repr(refused)
            assert time.monotonic() - began < LONGEST, (number, address)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MEMORY
    return arrays, refusals


def look_after(ending, count, folder, monkeypatch):
    work = folder / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with np.errstate(all="ignore"):
        arrays, refusals = read_all(ending, count, folder)
    assert arrays + refusals == count
    assert arrays
    assert refusals
    assert not list(work.iterdir())
    assert len(list(folder.rglob("*"))) == (3 if ending == "png" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("ending", SEEDS)
def test_a_few_hostile_files_end_in_an_array_or_a_sentence(ending, tmp_path, monkeypatch):
    look_after(ending, FEW, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ending", SEEDS)
def test_ten_thousand_hostile_files_end_in_an_array_or_a_sentence(ending, tmp_path, monkeypatch):
    look_after(ending, MANY, tmp_path, monkeypatch)
