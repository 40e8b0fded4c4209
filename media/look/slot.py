"""A zygote, seen from the process that started it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence

import msgspec

from api.ambient import monotonic_s
from media.look.types import FINDINGS_BYTES_MAX, Finding, Job

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Finding).decode
_START_S_MAX = 30.0


class Slot:
    """Does one job at a time, blocking. Its zygote is started when it is first needed, and again
    after it had to be killed. Nothing that a job does raises here."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs: socket.socket | None = None
        self._closed = False

    def run(
        self, job: Job, source: int, out: int, seconds: float
    ) -> tuple[list[Finding], int | None]:
        """What a process found in the file open as `source`, writing to `out`, and the status that
        it ended with (as of `waitpid`); None if it took longer and was killed, or ended with its
        zygote."""
        if self._closed:
            return [], None
        if self._process is not None and self._process.poll() is not None:
            self.end()  # ended by somebody else, between two jobs
        fresh = self._process is None
        jobs = self._jobs or self._start()
        reading, writing = os.pipe()
        deadline = monotonic_s() + seconds + (_START_S_MAX if fresh else 0)
        try:
            try:
                socket.send_fds(jobs, [_encode(job)], [source, out, writing])
            finally:
                os.close(writing)
            data = _read(reading, deadline)
            jobs.settimeout(max(0.001, deadline - monotonic_s()))
            (status,) = struct.unpack("<i", jobs.recv(4))
        except (OSError, TimeoutError, struct.error):
            self.end()
            return [], None
        finally:
            os.close(reading)
        return _findings(data), status

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        self._jobs = ours
        if self._closed:
            _kill_group(self._process)
        return ours

    def close(self) -> None:
        """From another thread: end the zygote and so what runs, and start none again."""
        self._closed = True
        process = self._process
        if process is not None:
            _kill_group(process)

    def end(self) -> None:
        """While nothing runs: end the zygote, and leave nothing of it behind."""
        process, jobs = self._process, self._jobs
        self._process = self._jobs = None
        if process is not None and jobs is not None:
            _kill_group(process)
            process.wait()
            jobs.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a zygote and what it has forked, none of which can leave its process group. (Where it
    has ended by itself, what it had forked has ended with it.)"""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read(pipe: int, deadline: float) -> bytes:
    """All findings of a process, until it closes the pipe. What is more than allowed is not read,
    and the process ends by writing it."""
    data = b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while len(data) <= FINDINGS_BYTES_MAX:
        left = deadline - monotonic_s()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError
        block = os.read(pipe, FINDINGS_BYTES_MAX)
        if not block:
            return data
        data += block
    raise TimeoutError


def _findings(data: bytes) -> list[Finding]:
    """Findings, each with its length before it, up to the first that is not one."""
    found: list[Finding] = []
    while len(data) >= 4:
        (length,) = struct.unpack_from("<I", data)
        try:
            found.append(_decode(data[4 : 4 + length]))
        except (msgspec.DecodeError, RecursionError):
            break
        data = data[4 + length :]
    return found
