"""Memory that a step frees stays in the process, for the next step to use.

A step over a large batch allocates and frees tensors of some megabytes by the dozen. The C library of Linux gives what
is free at the end of its heap back to the system each time, and gets it again page by page: some four thousand of them,
and a fifth of the time of a step, at 2048 pairs and three layers of 128. (GNU C Library manual, malloc tunable
parameters.)
"""

import ctypes
import os
import sys

MOST_KEPT = 1 << 30
"""Bytes that may lie free at the end of the heap."""

LARGEST_ON_HEAP = 1 << 25
"""Bytes of the largest block that comes from the heap, the most that all versions of glibc take; larger are mapped."""

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The numbers of the two parameters in glibc's malloc.h."""

SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""Variables of the environment by which a user has decided already."""


def keep_freed_memory() -> bool:
    """Tell the C library to keep up to 1 GiB of what this process frees, and return whether it does.

    It holds for all of the process and until its end, so ``train`` leaves it to the program; the command line and the
    processes in which experiments run side by side do it. Nothing happens without glibc, or where the environment
    sets the parameters.

    >>> isinstance(keep_freed_memory(), bool)
    True
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in SETTINGS):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return all((library.mallopt(MMAP_THRESHOLD, LARGEST_ON_HEAP), library.mallopt(TRIM_THRESHOLD, MOST_KEPT)))
