"""What runs in the process apart: files in, frames of bytes out, and nothing else.

The libraries that read HDF5, MATLAB, parquet and images are written in C. A file made for it can stop or corrupt a
process that they run in; this process may then end, and holds nothing worth having. It cannot write to any file, nor
take more memory than its limit, and its answers are numbers, which the other side checks.

Requests come as lines of json. Answers are frames: a letter, the length as 8 bytes, and so many bytes. I says that the
library is loaded; H is a header and E an end, both json; B is a block of numbers; R is a refusal, as json.
"""

import importlib
import json
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from contrica.errors import ContricaError, FileFormatError, MissingExtraError
from contrica.files.arrays import ArrayInfo, Mapped, Stream
from contrica.files.limits import brief, size

FORMATS = {"hdf5": "h5py", "matlab": "scipy", "parquet": "pyarrow", "images": "pillow"}
"""Modules of this package that are used here only, and the library that each one needs."""

FRAME = struct.Struct("<cQ")

MEMORY = 4 << 30
"""Bytes of address space that reading may take, the libraries themselves included."""

Send = Callable[[bytes, bytes], None]


def main() -> None:
    """Answer requests until there are no more."""
    output = sys.stdout.buffer
    _give_up_rights()

    def send(kind: bytes, payload: bytes) -> None:
        output.write(FRAME.pack(kind, len(payload)))
        output.write(payload)
        output.flush()

    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, send)


def serve(requests: IO[bytes], send: Send) -> None:
    """Answer each line of ``requests``."""
    for line in requests:
        request = json.loads(line)
        path = request["path"]
        try:
            _answer(request, send)
        except BrokenPipeError:
            raise
        except ContricaError as error:
            _refuse(error, send)
        except ImportError:
            library = FORMATS[request["format"]]
            _refuse(
                MissingExtraError(f"{path} needs {library}, which is not installed; pip install 'contrica[files]'"),
                send,
            )
        except MemoryError:
            _refuse(FileFormatError(f"{path} must be readable within {size(MEMORY)} of memory, and is not"), send)
        except Exception as error:  # noqa: BLE001 -- whatever a library raises on a damaged file
            _refuse(
                FileFormatError(f"{path} must be whole, and it is damaged ({brief(error, 120)}); save it again"), send
            )


def _answer(request: dict[str, Any], send: Send) -> None:
    if request["format"] not in FORMATS:
        raise FileFormatError(f"a format must be one of {', '.join(FORMATS)}, got {request['format']!r}")
    module = importlib.import_module(f"contrica.files.{request['format']}")
    send(b"I", b"")
    path = Path(request["path"])
    if request["verb"] == "contents":
        listed: list[ArrayInfo] = module.contents(path)
        rows = [{"name": one.name, "shape": one.shape, "holds": one.holds, "refusal": one.refusal} for one in listed]
        send(b"H", json.dumps({"arrays": rows}).encode())
        return
    found: Mapped | Stream = module.open_array(path, request["member"])
    if isinstance(found, Mapped):
        header = {"dtype": found.dtype.str, "shape": found.shape, "offset": found.offset, "mapped": True}
        send(b"H", json.dumps(header).encode())
        return
    header = {
        "dtype": found.dtype.newbyteorder("<").str,
        "row_shape": found.row_shape,
        "num_rows": found.num_rows,
        "columns": found.columns,
        "mapped": False,
    }
    send(b"H", json.dumps(header).encode())
    for block in found.blocks:
        send(b"B", np.ascontiguousarray(block, dtype=found.dtype.newbyteorder("<")).tobytes())
    send(b"E", json.dumps({"categories": found.categories}).encode())


def _refuse(error: ContricaError, send: Send) -> None:
    send(b"R", json.dumps({"kind": type(error).__name__, "sentence": str(error)}).encode())


def _give_up_rights() -> None:
    """Let this process write no file, leave no core, and take no more memory than its limit, where that can be said."""
    with suppress(ImportError):
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        import resource

        for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
            with suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))
