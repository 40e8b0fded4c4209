"""The folder that one run of a server has for itself in the temporary one, for Ray's files and
HAProxy's, and how what killed servers have left of theirs is found and removed.

A run is alive as long as somebody holds the lock of its folder: the supervisor, and the server
process, which gets it from there and may outlive it for a while. The system lets go of it when both
have ended, however they did.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

from msgspec import Struct

ROOT = Path("/tmp")
"""Not what TMPDIR says: the paths of sockets in there must be short."""
PREFIX = "hg-"
LOCK = "lock"


class RunFolder(Struct, frozen=True):
    """`path`: of the folder. `lock`: the descriptor that keeps it, for a child to inherit."""

    path: Path
    lock: int

    def remove(self) -> None:
        """What is in it was of no use to anybody else."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def make(root: Path = ROOT) -> RunFolder:
    """A new one, locked before anybody can take it for an ended one's. Raises OSError."""
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    draft = path / f"{LOCK}.new"
    lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    draft.rename(path / LOCK)
    return RunFolder(path, lock)


def sweep(root: Path = ROOT) -> list[Path]:
    """Remove the folders of this user's runs that have ended; returns them."""
    return [path for path in root.glob(f"{PREFIX}*") if _remove_if_ended(path)]


def _remove_if_ended(path: Path) -> bool:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        lock = os.open(path / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            return True
        finally:
            os.close(lock)
    return False
