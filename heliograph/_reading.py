"""Reading small files that a user names."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_file(path: Path, bytes_max: int) -> bytes:
    """A small file that the user named; what is beyond so many bytes is left. Raises OSError, also
    for what is no file: it would be waited for, or never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a file", str(path))
        return file.read(bytes_max)
