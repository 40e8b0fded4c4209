"""Room on the disk for LMDB's file: what is put must leave enough to delete on a full disk."""

from __future__ import annotations

import os
from pathlib import Path

from storage.port import NO_ROOM, StorageFull, disk_error

RESERVE_BYTES = 16 * 1024 * 1024
STEP_BYTES = 64 * 1024 * 1024


class Room:
    """The file is given its blocks in steps, ahead of LMDB, which does not mind what is behind its
    last page. So a disk that others fill does not take from it what deleting needs (a transaction
    writes the pages that it changes to new places), and a sync has less to write."""

    def __init__(
        self, path: Path, reserve_bytes: int = RESERVE_BYTES, step_bytes: int = STEP_BYTES
    ) -> None:
        self._path = path
        self._reserve_bytes = reserve_bytes
        self._step_bytes = step_bytes

    def make(self, wanted: int, end: int, free: int) -> None:
        """Before so many bytes are put into a file that is used up to `end`, with `free` bytes
        before it. Raises StorageFull, StorageFailed."""
        size = self._path.stat().st_size
        short = wanted + self._reserve_bytes - free - max(0, size - end)
        if short <= 0:
            return
        fd = os.open(self._path, os.O_RDWR)
        try:
            # Where there is room for no whole step, what is needed now will do.
            if not _extend(fd, size, short + self._step_bytes) and not _extend(fd, size, short):
                os.ftruncate(fd, size)
                raise StorageFull("no room for chunks")
        except OSError as error:
            raise disk_error(error, f"cannot write {self._path}") from error
        finally:
            os.close(fd)


def _extend(fd: int, size: int, more: int) -> bool:
    """Whether there was room."""
    try:
        os.posix_fallocate(fd, size, more)
    except OSError as error:
        if error.errno in NO_ROOM:
            return False
        raise
    return True
