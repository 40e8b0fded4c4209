"""A zygote whose workers do, confined, what a taken over worker would try. The job's name says
what. What it came to is told as a `Sound`: the number of the error, or `DONE`.

The first argument is a folder with a `victim`. Another switches off one of the layers, so that the
others are tested alone, or namespaces.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable

from media.look import kernel, picture
from media.look.sandbox import confine
from media.look.types import Inspect, Job, Sound, Type
from media.look.worker import FINDINGS, INPUT, OUTPUT, tell
from media.look.zygote import serve

DONE = 9999
FOLDER = sys.argv[1] if __name__ == "__main__" else ""


def fill_memory() -> None:
    held = [bytearray(64 << 20) for _ in range(64)]
    assert held


def fill_output() -> None:
    while True:
        os.write(OUTPUT, bytes(1 << 20))


def spin() -> None:
    while True:
        pass


def babble() -> None:
    while True:
        os.write(FINDINGS, os.urandom(4096))


def wait() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


ATTACKS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "passwd": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "input again": lambda: os.open(f"/proc/self/fd/{INPUT}", os.O_RDONLY),
    "list": lambda: os.listdir("/"),
    "write": lambda: os.open(FOLDER + "/attack", os.O_WRONLY | os.O_CREAT),
    "remove": lambda: os.unlink(FOLDER + "/victim"),
    "socket": lambda: socket.socket(socket.AF_INET),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "fork": lambda: os.fork() or os._exit(0),
    "thread": lambda: threading.Thread(target=lambda: None).start(),
    "program": lambda: os.execv("/bin/true", ["true"]),
    "kill parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "leave": os.setsid,
    "memory file": lambda: os.memfd_create("x"),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (99, 99)),
    "limit the parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0)),
    "change the input": lambda: os.write(INPUT, b"x"),
    "memory": fill_memory,
    "output": fill_output,
    "spin": spin,
    "wait": wait,
    "babble": babble,
    "close and stay": lambda: (os.close(FINDINGS), wait()),
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "random": lambda: (os.write(FINDINGS, os.urandom(3000)), os._exit(0)),
    "long length": lambda: (os.write(FINDINGS, struct.pack("<I", 1 << 31) + b"x"), os._exit(0)),
    "deep": lambda: (os.write(FINDINGS, struct.pack("<I", 5000) + b"\x91" * 5000), os._exit(0)),
    "bad mime": lambda: (tell(Type("text/html\r\nX: y", "other")), os._exit(0)),
    "long waveform": lambda: (tell(Sound(0, bytes(200))), os._exit(0)),
}


def refuse() -> None:
    raise OSError(errno.EPERM, "refused")


def attack(job: Job) -> None:
    assert isinstance(job, Inspect)
    if job.name == "spin":
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    confine(())
    try:
        ATTACKS[job.name]()
    except MemoryError:
        tell(Sound(12))
    except ValueError:  # what Python makes of a refused limit
        tell(Sound(errno.EPERM))
    except OSError as error:
        tell(Sound(error.errno or 0))
    else:
        tell(Sound(DONE))


if __name__ == "__main__":
    if "no-seccomp" in sys.argv:
        kernel.seccomp_works = lambda: False
    if "no-namespace" in sys.argv:
        kernel.leave_network = refuse
    if "no-landlock" in sys.argv:
        kernel.landlock_version = lambda: 0
    picture.load()
    serve(attack)
