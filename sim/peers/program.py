"""Programs that are started for a measurement, in folders of their own, and what they use."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGTERM, Signals
from time import monotonic, sleep

import psutil

from sim.memory import pss_kb

START_S_MAX = 120.0
STOP_S_MAX = 60.0
LOOK_S = 0.05
LOCALHOST = "127.0.0.1"


class Failed(Exception):
    """A peer could not be measured; the message says why."""


@contextlib.contextmanager
def program(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    end: Signals = SIGTERM,
) -> Iterator[int]:
    """Run a program within this context, from when it is ready; its process id. It is told to end
    by a signal, and killed with all its descendants where it does not. Raises Failed."""
    name = Path(command[0]).name
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=log.parent,
            user=user,
            start_new_session=True,
        )
    try:
        until = monotonic() + START_S_MAX
        while not ready():
            if process.poll() is not None:
                raise Failed(f"{name} ended with {process.returncode}: {last_line(log)}")
            if monotonic() > until:
                raise Failed(f"{name} was not ready after {START_S_MAX:g} s: {last_line(log)}")
            sleep(LOOK_S)
        yield process.pid
    finally:
        _end(process, end)


def _end(process: subprocess.Popen[bytes], signal: Signals) -> None:
    family = family_of(process.pid)
    process.send_signal(signal)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S_MAX)
    for left in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            left.kill()
    process.wait()


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def run(command: Sequence[str], **how: object) -> None:
    """Run a program to its end. Raises Failed with the last line of what it said."""
    done = subprocess.run(  # type: ignore[call-overload]
        command, capture_output=True, text=True, errors="replace", check=False, **how
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise Failed(f"{Path(command[0]).name} failed: {said[-1]}")


def family_of(pid: int) -> list[psutil.Process]:
    """A process and its descendants; none where it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_s(pids: Sequence[int]) -> float:
    """What these processes and their descendants have used, those included that have ended."""
    used = 0.0
    for process in (member for pid in pids for member in family_of(pid)):
        with contextlib.suppress(psutil.NoSuchProcess):
            used += sum(process.cpu_times()[:4])  # user, system, and both of its ended children
    return used


def memory_mb(pids: Sequence[int]) -> float:
    """The memory (PSS) of these processes and their descendants."""
    kb = 0
    for process in (member for pid in pids for member in family_of(pid)):
        with contextlib.suppress(OSError):
            kb += pss_kb(process.pid)
    return kb / 1024


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    import socket

    with contextlib.suppress(OSError), socket.create_connection((LOCALHOST, port), 1):
        return True
    return False
