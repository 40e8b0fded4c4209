"""A process that has imported what Ray's workers import, and forks one for each that asks
(`heliograph.server.handover`): a worker is there sooner, and shares the memory of its code with all
others.

It belongs to one raylet, because Ray reads its environment when it is imported, and in there the
raylet's pid; it ends with it. What threads hold at the moment of a fork, nobody would ever let go
of; and what Ray drew at random before it, all workers would draw again, as the identities of
different things. So it looks whether it has one thread, and nothing was drawn.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from heliograph.server.handover import FAILED, FORKED, LENGTH_BYTES, MODULE, STANDARD

IMPORTED: Final = (MODULE, "fronts.auth", "fronts.asgi", "api.http", "heliograph.server.parts")
"""With all that these import: what the processes of a server are made of."""
OF_SERVE: Final = (
    *("fastapi", "grpc.aio", "grpc_reflection.v1alpha.reflection", "numpy"),
    *("opentelemetry.exporter.prometheus", "opentelemetry.sdk.trace", "uvicorn.main", "watchfiles"),
)
"""What Ray Serve imports, where it is there. Serve itself draws at random when it is imported: it
makes an actor class (`ray.experimental.channel.cpu_communicator`)."""
TOLD_S_MAX: Final = 2.0
RECEIVED_BYTES: Final = 64 * 1024


def serve(listener: socket.socket, raylet: int, path: str) -> None:
    """Fork for each that asks, until the raylet ends: then this process does, too. Comes back in
    what was forked, which has taken the place of the one that asked. Where it cannot be, it says
    why beside the socket's `path`, and ends."""
    ending = os.pidfd_open(raylet)
    try:
        import_all()
        check()
    except Exception as error:
        Path(path + FAILED).write_text(f"{type(error).__name__}: {error}")
        raise
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the workers
    gc.collect()
    gc.freeze()  # what the collector looks at, it writes to, and it is no longer shared
    while True:
        ready, _, _ = select.select([listener.fileno(), ending], [], [])
        if ending in ready:
            sys.exit()
        connection, _ = listener.accept()
        with connection:
            given = fork_for(connection)
            if given is not None:
                listener.close()
                os.close(ending)
                become(*given)
                connection.sendall(FORKED)  # or nobody waits any more
                return


def import_all() -> None:
    """Import what workers need."""
    for module in IMPORTED:
        importlib.import_module(module)
    for module in OF_SERVE:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def check() -> None:
    """Raises RuntimeError where something that was imported forbids to fork."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("threads were started")
    if "ray" in sys.modules and _drawn_in_a_fork() == _drawn_in_a_fork():
        raise RuntimeError("Ray has drawn at random")


def _drawn_in_a_fork() -> bytes:
    from ray import NodeID

    hear, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(say, NodeID.from_random().binary())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(say)
    with os.fdopen(hear, "rb") as ear:
        return ear.read()


def fork_for(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork if somebody asks for it there. In what was forked: what it is to become."""
    connection.settimeout(TOLD_S_MAX)
    files: list[int] = []
    try:
        told = heard(connection, files)
        if os.fork() == 0:
            return told, files
    except EOFError:
        pass  # it only looked whether somebody listens
    except (OSError, ValueError):
        traceback.print_exc()  # it does without
    for file in files:
        os.close(file)
    return None


def heard(connection: socket.socket, files: list[int]) -> dict[str, Any]:
    """What a worker is to be; its standard files are put into `files`. Raises EOFError if it hangs
    up, ValueError if it says something else."""
    length, given, _, _ = socket.recv_fds(connection, LENGTH_BYTES, len(STANDARD))
    files += given
    if not length:
        raise EOFError("it hung up")
    if len(files) != len(STANDARD):
        raise ValueError(f"{len(files)} files came")
    told = b""
    while len(told) < int.from_bytes(length, "big"):
        part = connection.recv(RECEIVED_BYTES)
        if not part:
            raise EOFError("it hung up")
        told += part
    found: dict[str, Any] = json.loads(told)
    return found


def become(told: dict[str, Any], files: list[int]) -> None:
    """Take the place of the process that told this."""
    for number, file in zip(STANDARD, files, strict=True):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if told["leads_group"]:
        os.setpgid(0, 0)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    sys.argv[1:] = told["arguments"]
