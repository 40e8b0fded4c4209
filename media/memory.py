"""What the C library does with memory that is freed. No Ray."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT_BYTES = 64 * 1024 * 1024
MMAP_BYTES_MAX = 32 * 1024 * 1024
RETURN_S = 5.0

_due = False
"""Whether memory will be given back."""


def return_memory_soon() -> None:
    """Have the C library of a front give back what is free, also between small things that stay;
    otherwise the process keeps for ever what a flood of parts and bodies once needed. In a while,
    for what was refused is freed after what was held, and once for all who ask until then: it
    takes tens of milliseconds for 100 MiB. (To have large pieces got from the kernel one by one
    gives them back at once, and costs a millisecond for each part that goes through.) On the loop
    of the process."""
    global _due
    if not _due:
        _due = True
        asyncio.get_running_loop().call_later(RETURN_S, _begin)


def _begin() -> None:
    asyncio.get_running_loop().run_in_executor(None, _trim)


def _trim() -> None:
    """Without glibc nothing happens."""
    global _due
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    _due = False


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
