"""Memory that a step frees stays in the process, for the next step to use.

A step over a large batch allocates and frees tensors of some megabytes by the dozen. The C library of Linux gives what
is free at the end of its heap back to the system each time, and gets it again page by page: some four thousand of them,
and about a quarter of the time of a step, at 2048 pairs and three layers of 128. (GNU C Library manual, malloc
tunable parameters.)
"""

import ctypes
import os
import sys

MOST_KEPT = 1 << 30
"""Bytes that may lie free at the end of the heap."""

LARGEST_ON_HEAP = 1 << 25
"""Bytes of the largest block that comes from the heap, the most that all 64-bit versions of glibc take; larger ones are
mapped."""

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The numbers of the two parameters in glibc's malloc.h."""

VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
TUNABLES = ("glibc.malloc.trim_threshold", "glibc.malloc.mmap_threshold")
"""How the environment sets them: by variables of their own, or by names in GLIBC_TUNABLES."""


def keep_freed_memory() -> bool:
    """Tell the C library to keep what this process frees, and return whether it does.

    Up to 1 GiB stays free at the end of the heap, and below a block that is still in use whatever was freed there. It
    holds for all of the process and until its end, so ``train`` leaves it to the program; the command line does it, and
    so do the worker processes of `contrica.recipes.run_all`. Nothing happens without glibc, or where the environment
    sets the parameters, as Dask does for its workers.

    >>> kept = keep_freed_memory()  # at the start of a program
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    decided = any(map(os.environ.get, VARIABLES)) or any(name in tunables for name in TUNABLES)
    if decided or not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version") or not hasattr(library, "mallopt"):
        return False
    return all((library.mallopt(MMAP_THRESHOLD, LARGEST_ON_HEAP), library.mallopt(TRIM_THRESHOLD, MOST_KEPT)))
