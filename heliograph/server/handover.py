"""How a worker that Ray starts hands over to one that a zygote forks: a socket for each raylet, and
what is said there. Every worker imports this, so it imports little.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys

FOLDER_VARIABLE = "HELIOGRAPH_ZYGOTES"
"""Where the sockets of the zygotes are; the path must be short."""
RAYLET_VARIABLE = "RAY_RAYLET_PID"
"""Where Ray's workers, and what they start, find the pid of their raylet."""
MODULE = "ray._private.workers.default_worker"
"""Ray's own script."""
FAILED = ".failed"
"""Beside a socket: why there will be no zygote."""
WAITING_MAX = 128
ASK_S_MAX = 30.0
"""Less than Ray gives a worker until it has to be there."""
STANDARD = (0, 1, 2)
LENGTH_BYTES = 4
FORKED = b"1"


def make_if_missing(path: str) -> socket.socket | None:
    """Fork what becomes the zygote if none listens at this path, and it is not known that there can
    be none; there, its socket is returned. It listens before it has imported anything: who asks
    waits."""
    with open(f"{path}.lock", "wb") as lock, socket.socket(socket.AF_UNIX) as probe:
        fcntl.flock(lock, fcntl.LOCK_EX)
        probe.setblocking(False)
        if probe.connect_ex(path) in (0, errno.EAGAIN) or os.path.exists(path + FAILED):
            return None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # of one that was killed
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(WAITING_MAX)
        if os.fork() == 0:
            return listener
        listener.close()
        return None


def ask(path: str) -> bool:
    """Hand over to what the zygote at this path forks. Whether it has taken over: it says so
    itself, and must not when it was no longer waited for. Raises OSError where it did not."""
    described = {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "leads_group": os.getpgid(0) == os.getpid(),
    }
    told = json.dumps(described).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ASK_S_MAX)
        connection.connect(path)
        socket.send_fds(connection, [len(told).to_bytes(LENGTH_BYTES, "big")], STANDARD)
        connection.sendall(told)
        with contextlib.suppress(TimeoutError):
            return connection.recv(len(FORKED)) == FORKED
        connection.shutdown(socket.SHUT_RD)  # it can no longer say so; has it?
        connection.setblocking(False)
        return connection.recv(len(FORKED)) == FORKED
