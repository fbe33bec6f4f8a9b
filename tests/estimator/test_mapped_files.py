"""A recording that is larger than memory: what is read of it, and how much memory that takes."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from contrica import ContrastiveICA, DomainError
from contrica.errors import UnreadableFileError

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def mapped(path, X):
    np.save(path, X)
    return np.load(path, mmap_mode="r")


@pytest.mark.slow
def test_codes_of_a_mapped_file_are_those_of_its_rows_in_memory(tmp_path):
    X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32).cumsum(0)
    model = ContrastiveICA(2, **QUICK).fit(mapped(tmp_path / "x.npy", X))
    np.testing.assert_array_equal(model.codes_, ContrastiveICA(2, **QUICK).fit(X).codes_)


@pytest.mark.slow
def test_rows_that_are_not_finite_are_named_when_they_are_read(tmp_path):
    X = np.random.default_rng(0).normal(size=(300, 4)).cumsum(0)
    model = ContrastiveICA(2, **QUICK).fit(X)
    X[250] = np.nan
    with pytest.raises(DomainError, match="rows looked at, 250;"):
        model.transform(mapped(tmp_path / "x.npy", X))
    with pytest.raises(DomainError, match=r"rows looked at, 250;|in row 250"):
        model.fit(mapped(tmp_path / "x.npy", X))


@pytest.mark.skipif(os.name != "posix", reason="a mapped file cannot be cut here")
def test_a_file_that_is_cut_while_it_is_encoded_is_a_sentence(tmp_path):
    X = np.random.default_rng(0).normal(size=(30_000, 4)).cumsum(0)
    model = ContrastiveICA(2, **QUICK).fit(X[:300])
    rows = mapped(tmp_path / "x.npy", X)
    os.truncate(tmp_path / "x.npy", 100_000)
    with pytest.raises(UnreadableFileError, match="bytes were cut from it"):
        model.transform(rows)


@pytest.mark.slow
def test_a_recording_larger_than_the_memory_that_is_allowed_is_fitted_and_encoded(tmp_path):
    """Half a gibibyte of a file that is mostly a hole, in 320 mebibytes beyond what imports take."""
    program = """
        import resource, sys
        import numpy as np
        from contrica import ContrastiveICA

        rows, columns = 1 << 18, 512
        X = np.memmap(sys.argv[1], np.float32, "w+", shape=(rows, columns))
        for first in range(0, rows, 1 << 16):  # a pattern that each row can be told by
            X[first : first + 1000] = np.random.default_rng(first).normal(size=(1000, columns))
        X.flush()
        del X
        X = np.memmap(sys.argv[1], np.float32, "r", shape=(rows, columns))
        # Pages of the file count as soon as they are touched, so what is limited is memory of one's own: RLIMIT_DATA.
        used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) << 10
        resource.setrlimit(resource.RLIMIT_DATA, (used + (320 << 20),) * 2)
        model = ContrastiveICA(2, steps=3, widths=(8,), random_state=0, patience=None).fit(X)
        assert model.codes_.shape == (rows, 2)
        try:
            np.array(X)
        except MemoryError:
            print("the file does not fit")
    """
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program), str(tmp_path / "x.dat")],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "",
            "PYTHONPATH": "src",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
        },
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == "the file does not fit\n"
