"""Seeing to it that nothing of a server is left behind, whoever of it is killed first (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

import psutil

from heliograph.server.handover import RAYLET_VARIABLE

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
WAIT_S = 3.0
ROUNDS_MAX = 5

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parents die."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Get SIGTERM when the parent dies, however it dies. Survives `exec`."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def reap() -> dict[int, int]:
    """The children that have ended since the last look, those that were adopted too: their exit
    codes by pid, negative for a signal. Until that, each looks to others as if it was alive: Ray's
    workers, for one, end when their raylet is gone."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])
    return ended


def how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"


def end_workers_of(raylet: int) -> None:
    """Kill what is left of a raylet that is gone: they hold the disk, and nobody would start them
    again."""
    left = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.environ().get(RAYLET_VARIABLE) == str(raylet):
                left.append(process)
    _kill(left)


def end_leftovers(variable: str, value: str) -> None:
    """Kill what an earlier life of this process has left because it was killed itself: the
    processes of this user that found this in their environment."""
    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in own and process.environ().get(variable) == value:
                left.append(process)
    _kill(left)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=WAIT_S)


def end_descendants() -> None:
    """Kill all descendants; `adopt_orphans` makes them complete."""
    for _ in range(ROUNDS_MAX):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        _kill(left)
        reap()
