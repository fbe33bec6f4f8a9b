"""Recordings larger than the memory that the program may take are fitted, encoded and scored."""

import subprocess

import h5py
import numpy as np
import pytest

ROWS, COLUMNS = 240_000, 512
"""480 MiB of float32."""

LIMIT = """
import resource, sys
import contrica.cli
kept = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
most = (kept << 10) + (int(sys.argv.pop(1)) << 20)
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
sys.exit(contrica.cli.main())
"""
"""Runs the program with so many MiB of private memory beyond what its libraries take when loaded."""

ALLOWED = 400


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, COLUMNS)).astype(np.float32)
    written = np.lib.format.open_memmap(folder / "large.npy", "w+", np.float32, (ROWS, COLUMNS))
    with h5py.File(folder / "large.h5", "w") as file:
        packed = file.create_dataset("x", (ROWS, COLUMNS), "f4", chunks=(2000, COLUMNS), compression="lzf")
        for first in range(0, ROWS, 40_000):
            turns = np.arange(first, first + 40_000)[:, None] / np.array([50.0, 37.0, 21.0])
            written[first : first + 40_000] = np.sin(turns).astype(np.float32) @ mixing
            packed[first : first + 40_000] = written[first : first + 40_000]
    written.flush()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("file", ["large.npy", "large.h5:x"])
def test_a_recording_larger_than_the_memory_is_fitted_and_encoded(file, recording, program, tmp_path):
    (command, start), environment = (program[0][:1], LIMIT), program[1]

    def ran(*words, allowed=ALLOWED):
        line = [*command, "-c", start, str(allowed), *words]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    path = recording / file
    fitted = ran("fit", str(path), "--steps", "5", "--batch-size", "128", "--widths", "64", "--out", "model")
    assert fitted.returncode == 0, fitted.stderr
    encoded = ran("transform", "model", str(path), "--out", "codes.npy")
    assert encoded.returncode == 0, encoded.stderr
    codes = np.load(tmp_path / "codes.npy")
    assert codes.shape == (ROWS, 2)
    assert np.isfinite(codes).all()


@pytest.mark.slow
def test_the_limit_is_one_that_the_same_recording_in_memory_does_not_keep(recording, program, tmp_path):
    reading = LIMIT.replace("sys.exit(contrica.cli.main())", "import numpy as np; np.load(sys.argv[1])")
    line = [program[0][0], "-c", reading, str(ALLOWED), str(recording / "large.npy")]
    finished = subprocess.run(line, cwd=tmp_path, env=program[1], capture_output=True, text=True, check=False)
    assert "MemoryError" in finished.stderr
