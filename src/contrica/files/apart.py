"""The process apart, seen from here: it reads what libraries in C read, and may end without taking us along.

What it sends is checked like the file itself: a dtype of numbers, a shape that the file can account for, and as many
bytes as that takes. A process that ends, or sends nothing for a while, becomes one sentence.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import contrica.errors
from contrica.errors import ContricaError, FileFormatError
from contrica.files import npy
from contrica.files.arrays import ArrayInfo, Mapped, Stream
from contrica.files.child import FORMATS, FRAME, MEMORY
from contrica.files.limits import LARGEST_ROW, refuse_nonnumeric, refuse_unaccountable, size

BOOT = """
import json, sys, types
paths, package = json.loads(sys.argv[1])
sys.path[:] = paths
front = types.ModuleType("contrica")
front.__path__ = [package]
sys.modules["contrica"] = front
from contrica.files.child import main
main()
"""
"""Starts the child without the front of the package, which imports torch."""

ENVIRONMENT = {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE", "OMP_NUM_THREADS": "1"}
"""No plug-in is loaded because a file asks for it; files that may not be written can be read; one thread."""

STALLED_AFTER = 60.0
"""Seconds without a sign of life after which reading is given up."""

LOADED_WITHIN = 120.0
"""Seconds that loading a library may take, from a slow disk."""

LARGEST_FRAME = LARGEST_ROW + (1 << 26)
"""Bytes of a frame: a row or a block, or a listing."""

NUMERIC = re.compile(r"[<>|]?[fiub][1248]")


class ReaderProcess:
    """Reads files in a process of its own; started when first asked, and again after it has ended.

    Parameters
    ----------
    stalled_after : float
        Seconds without a block after which it is ended.

    Examples
    --------
    >>> with ReaderProcess() as process:
    ...     process.started
    False
    """

    def __init__(self, *, stalled_after: float = STALLED_AFTER) -> None:
        """Start nothing yet."""
        self._stalled_after = stalled_after
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = float("inf")
        self._stalled = False
        self._busy = False
        self._turn = 0

    @property
    def started(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(OSError):
                process.communicate()

    def contents(self, format_name: str, path: Path) -> list[ArrayInfo]:
        """List what is in a file."""
        answer = self._ask(format_name, path, {"verb": "contents"})
        self._busy = False
        try:
            return [
                ArrayInfo(str(one["name"]), tuple(one["shape"]), str(one["holds"]), _as_given(path, one["refusal"]))
                for one in answer["arrays"]
            ]
        except (KeyError, TypeError) as error:
            raise self._nonsense(path) from error

    def open_array(self, format_name: str, path: Path, member: str) -> Mapped | Stream:
        """Find an array; the blocks of a stream must be taken before anything else is asked."""
        answer = self._ask(format_name, path, {"verb": "open", "member": member})
        try:
            if not NUMERIC.fullmatch(answer["dtype"]):
                raise TypeError(answer["dtype"])
            dtype = np.dtype(answer["dtype"])
            refuse_nonnumeric(dtype, str(path))
            if answer["mapped"]:
                self._busy = False
                shape, offset = _lengths(answer["shape"]), int(answer["offset"])
                if offset < 0:
                    raise ValueError(offset)
                return npy.whole(Mapped(path, offset, dtype, shape), path.stat().st_size - offset, str(path))
            num_rows, row_shape = int(answer["num_rows"]), _lengths(answer["row_shape"])
            columns = tuple(map(str, answer["columns"]))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ContricaError):
                raise
            raise self._nonsense(path) from error
        stored = path.stat().st_size if path.is_file() else sys.maxsize
        refuse_unaccountable((num_rows, *row_shape), dtype, str(path), stored=stored)
        categories: list[str] = []
        blocks = self._blocks(path, dtype, row_shape, num_rows, categories, self._turn)
        return Stream(dtype, row_shape, blocks, num_rows, columns, categories)

    def _blocks(
        self,
        path: Path,
        dtype: np.dtype[Any],
        row_shape: tuple[int, ...],
        num_rows: int,
        categories: list[str],
        turn: int,
    ) -> Iterator[npt.NDArray[Any]]:
        row, come = int(np.prod(row_shape, dtype=np.int64)) * dtype.itemsize, 0
        while True:
            if self._turn != turn:
                raise FileFormatError(f"{path} must be read before the next file is asked for; read it again")
            kind, payload = self._frame(path)
            if kind == b"E":
                break
            if kind != b"B" or len(payload) % row or come + len(payload) // row > num_rows:
                raise self._nonsense(path)
            block = np.frombuffer(payload, dtype).reshape(-1, *row_shape)
            come += len(block)
            yield block
        self._busy = False
        if come != num_rows:
            raise FileFormatError(
                f"{path} must hold {num_rows} rows, and it holds {come}; it is damaged, save it again"
            )
        categories.extend(map(str, json.loads(payload)["categories"]))

    def _ask(self, format_name: str, path: Path, request: dict[str, str]) -> dict[str, Any]:
        assert format_name in FORMATS
        if self._busy:
            self.close()
        process = self._process if self._process is not None else self._start()
        assert process.stdin is not None
        self._busy = True
        self._turn += 1
        line = json.dumps({"format": format_name, "path": str(path.absolute()), **request}) + "\n"
        try:
            process.stdin.write(line.encode())
            process.stdin.flush()
        except OSError as error:
            raise self._ended(path) from error
        self._frame(path, within=max(LOADED_WITHIN, self._stalled_after))
        kind, payload = self._frame(path)
        if kind != b"H":
            raise self._nonsense(path)
        answer: dict[str, Any] = json.loads(payload)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        package = str(Path(contrica.errors.__file__).parent)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", BOOT, json.dumps([list(filter(None, sys.path)), package])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT},
        )
        self._busy = self._stalled = False
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        return self._process

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """End the process when it is late."""
        while process.poll() is None and self._process is process:
            if time.monotonic() > self._deadline:
                self._stalled = True
                process.kill()
            time.sleep(min(0.5, self._stalled_after / 4))

    def _frame(self, path: Path, *, within: float | None = None) -> tuple[bytes, bytes]:
        """Return the next frame; a refusal is raised."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        self._deadline = time.monotonic() + (self._stalled_after if within is None else within)
        try:
            head = process.stdout.read(FRAME.size)
            if len(head) != FRAME.size:
                raise self._ended(path)
            kind, length = FRAME.unpack(head)
            if length > LARGEST_FRAME:
                raise self._nonsense(path)
            payload = process.stdout.read(length)
            if len(payload) != length:
                raise self._ended(path)
        finally:
            self._deadline = float("inf")
        if kind == b"R":
            self._busy = False
            refusal = json.loads(payload)
            raised = getattr(contrica.errors, str(refusal["kind"]), FileFormatError)
            raise raised(_as_given(path, refusal["sentence"]))
        return kind, payload

    def _ended(self, path: Path) -> FileFormatError:
        process = self._process
        code = None
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(5.0)
        self.close()
        if self._stalled:
            return FileFormatError(
                f"{path} must be readable, and nothing came of it for {self._stalled_after:.0f} s; it is damaged or was"
                " made to do so"
            )
        return FileFormatError(
            f"{path} must be readable within {size(MEMORY)} of memory, and it ended the process that read it"
            f"{_by_signal(code)}; it is damaged or was made to do so"
        )

    def _nonsense(self, path: Path) -> FileFormatError:
        self.close()
        return FileFormatError(f"{path} must be whole, and what was read of it makes no sense; save it again")


def _as_given(path: Path, sentence: Any) -> str:
    """Return a sentence with the path as the caller wrote it."""
    return str(sentence).replace(str(path.absolute()), str(path))


def _lengths(shape: list[int]) -> tuple[int, ...]:
    return tuple(int(length) for length in shape)


def _by_signal(code: int | None) -> str:
    if code is None or code >= 0:
        return ""
    with suppress(ValueError):
        return f" ({signal.Signals(-code).name})"
    return ""
