"""What the C library does with memory that is freed. No Ray."""

from __future__ import annotations

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT_BYTES = 64 * 1024 * 1024
MMAP_BYTES_MAX = 32 * 1024 * 1024
LARGE_BYTES = 64 * 1024
"""From this size on a piece of memory is got from the kernel, and given back, by itself."""
TRIM_BYTES = 1024 * 1024


def return_memory() -> None:
    """Have the C library of a front give back what is freed. By itself it raises the size from
    which pieces are got from the kernel one by one as soon as one of them is freed, up to 32 MiB;
    then parts of files and bodies lie between small things that stay, and after a flood of them
    the process keeps for ever what it once had. Without glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)


def keep_memory() -> None:
    """Have the C library keep so much of what is freed. LMDB copies what is put to memory that it
    frees at the commit; to get it from the kernel again, page by page, is more than half of what a
    commit costs (measured for 16 MiB: 4,000 page faults, and 18 ms of CPU instead of 8). Without
    glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES_MAX)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
