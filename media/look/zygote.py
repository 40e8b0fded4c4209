"""A process that is ready to look into files, and forks one of its kind for each.

It waits at its standard input (a socket) for jobs, each with three descriptors: input, output, and
a pipe for findings. It answers each with the exit status of the process that did it, and ends with
the socket. It never reads a file itself, and so stays as it was started.
"""

from __future__ import annotations

import fcntl
import gc
import os
import socket
import struct
from collections.abc import Callable

import msgspec

from media.look import picture
from media.look.sandbox import detach
from media.look.types import Job
from media.look.worker import FINDINGS, INPUT, work

JOB_BYTES_MAX = 16 << 10

_decode = msgspec.msgpack.Decoder(Job).decode


def serve(do: Callable[[Job], None]) -> None:
    """Have each job done by a fresh process, one after the other."""
    nothing = os.open(os.devnull, os.O_RDWR)
    jobs = socket.socket(fileno=os.dup(0))
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    detach()
    gc.freeze()
    while True:
        data, fds, _, _ = socket.recv_fds(jobs, JOB_BYTES_MAX, 3)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            _one(do, data, fds)
        for fd in fds:
            os.close(fd)
        _, status = os.waitpid(pid, 0)
        jobs.send(struct.pack("<i", status))


def _one(do: Callable[[Job], None], data: bytes, fds: list[int]) -> None:
    """In the new process: put the descriptors where they belong, close all others, do the job."""
    status = 1
    try:
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in fds]
        for place, fd in enumerate(high, INPUT):
            os.dup2(fd, place)
        os.closerange(FINDINGS + 1, 256)
        os.set_inheritable(FINDINGS, False)
        do(_decode(data))
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    picture.load()
    serve(work)
