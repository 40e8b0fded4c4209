"""What a process that parses a stranger's bytes may still do: next to nothing.

Two kinds of process are confined: a *worker* in Python (all it needs is loaded and open before),
and a *program* that is run in a worker's place (ffmpeg). Used, all of it without root:

- **rlimits** for memory, processor time, size of written files, open files; none of it can be
  raised again. A worker may start no process.
- **No capabilities**, even for root, and **no_new_privs**, so that set-uid programs give nothing.
- **seccomp**: a worker may make some thirty system calls, and so open nothing whatever; a program
  may not make processes (only threads), sockets, or anything that reaches other processes.
  On x86_64 and aarch64.
- **Landlock** (Linux 5.13): a worker may reach no file by path; a program may read the input,
  itself and the libraries in /usr/lib and the like. With Linux 6.12, no signals leave either.
- **A user and network namespace** for the zygote and so for all, empty and without rights in it.
  Containers often forbid it; then seccomp and Landlock (TCP, from Linux 6.7) refuse the network.
- A process dies with its zygote, and an alarm ends it if the zygote's owner is gone.

Where something is missing: a worker needs seccomp or Landlock, a program needs both. Otherwise
`confine` raises `Unsafe`, nothing is decoded, and every file is sent as a plain file.

All processes of one zygote have the same layout of memory, which makes a hole in a decoder easier
to use. What is behind the hole is one empty room for each file.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Sequence

from media.look import kernel
from media.look.types import PHOTO_BYTES_MAX

MEMORY_BYTES_MAX = 768 << 20
PROGRAM_MEMORY_BYTES_MAX = 1 << 30  # of addresses: libraries take 300 MB of them
CPU_S_MAX, WALL_S_MAX = 10, 20
PROGRAM_CPU_S_MAX, PROGRAM_WALL_S_MAX = 20, 40
OUTPUT_BYTES_MAX = PHOTO_BYTES_MAX + (1 << 20)
LIBRARIES = ("/usr/lib", "/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")


class Unsafe(Exception):
    """This kernel cannot confine the process well enough."""


def detach() -> None:
    """For the zygote: leave the network, give way to everybody else for memory and time."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as adjust:
        adjust.write("1000")
    os.nice(10)
    kernel.no_new_privileges()
    with contextlib.suppress(OSError):
        kernel.leave_network()
    kernel.drop_rights()


def confine(inputs: Sequence[int], program: str = "") -> None:
    """Confine this process, for good, to be a worker, or to run `program` next, which may open
    `inputs` again."""
    landlock, seccomp = kernel.landlock_version() > 0, kernel.seccomp_works()
    if not (landlock or seccomp) or (program and not (landlock and seccomp)):
        raise Unsafe
    kernel.die_with_parent(signal.SIGKILL)
    signal.alarm(2 * (PROGRAM_WALL_S_MAX if program else WALL_S_MAX))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, PROGRAM_MEMORY_BYTES_MAX if program else MEMORY_BYTES_MAX)
    _limit(resource.RLIMIT_CPU, PROGRAM_CPU_S_MAX if program else CPU_S_MAX)
    _limit(resource.RLIMIT_FSIZE, OUTPUT_BYTES_MAX)
    _limit(resource.RLIMIT_NOFILE, 32)
    if not program:
        _limit(resource.RLIMIT_NPROC, 0)
    if landlock:
        kernel.landlock(inputs if program else (), (program, *LIBRARIES) if program else ())
    if seccomp:
        kernel.no_harm() if program else kernel.only_work()


def _limit(what: int, value: int) -> None:
    """Lower a limit, unless it is lower already."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))
