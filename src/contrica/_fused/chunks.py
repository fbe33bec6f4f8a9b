"""Chunks of rows, and the threads that work them off.

Chunks are cut by the shape of the problem alone, each owns what it writes, and their sums are added in order: the
result is the same to the last bit for every number of threads. The threads are ordinary ones that live for one call,
so nothing is left behind that a fork could break; the compiled loops run without the interpreter lock.
"""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import torch

LEAST_CHUNK_ROWS = 128
"""Rows per chunk at least: calling a kernel costs as much as a few rows."""

MOST_CHUNKS = 32
"""Chunks at most: each holds a gradient of all columns."""

CHUNK_MEMORY = 64 << 20
"""Bytes for the chunks' private gradients, all together, if eight chunks fit into them."""

TERMS_PER_THREAD = 1 << 20
"""Terms |u - v| that are worth starting a thread for: about a third of a millisecond of work, against a tenth."""


def chunk_height(rows: int, private_bytes: int, multiple: int) -> int:
    """Return the rows per chunk, of which each holds ``private_bytes`` for itself, as a multiple of ``multiple``."""
    most = max(8, CHUNK_MEMORY // max(1, private_bytes))
    chunks = max(1, min(MOST_CHUNKS, most, rows // LEAST_CHUNK_ROWS))
    return -(-rows // (chunks * multiple)) * multiple


def run_chunks(kernel: Callable[..., None], chunks: int, *arguments: Any, terms: int) -> None:
    """Call ``kernel(chunk, *arguments)`` for each chunk on as many of torch's threads as the work is worth."""
    turns = itertools.count()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while (chunk := next(turns)) < chunks:
                kernel(chunk, *arguments)
        except BaseException as failure:  # noqa: BLE001 -- raised again below, on the calling thread
            failures.append(failure)

    threads = min(torch.get_num_threads(), chunks, terms // TERMS_PER_THREAD)
    others = [threading.Thread(target=work, daemon=True) for _ in range(threads - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]
