"""Calls to the Linux kernel that Python does not have: Landlock, seccomp, namespaces."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterable

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
_EXECUTE, _READ_FILE, _READ_DIR = 1, 4, 8
_RIGHTS_BY_ABI = [0, 13, 14, 15, 15, 16]
"""How many rights over files each version of Landlock knows; later ones as many as the last."""


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def no_new_privileges() -> None:
    """From here on no program that is run gains rights (and the calls below are allowed)."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def die_with_parent(signal: int) -> None:
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0))


def leave_network() -> None:
    """Into a network of its own, with nothing in it. Raises OSError where users may not do this."""
    _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC))


def drop_rights() -> None:
    """Give up all capabilities, those of root and those that come with a namespace of one's own."""
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)))


def landlock_version() -> int:
    """0 where the kernel has none, or has it switched off."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, 0, 1)))


def landlock(readable: Iterable[int], executable: Iterable[str]) -> None:
    """Take away the file system, except to read the files open as `readable`, and to read and run
    what is in `executable` (files and folders; those that do not exist are left out). Open files
    stay open. With newer kernels also TCP, and signals and sockets to outside."""
    version = landlock_version()
    files = (1 << _RIGHTS_BY_ABI[min(version, 5)]) - 1
    net = 3 if version >= 4 else 0
    scopes = 3 if version >= 6 else 0
    ruleset = struct.pack("QQQ", files, net, scopes)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _check(_libc.syscall(_LANDLOCK_CREATE, ruleset, size, 0))
    try:
        for fd in readable:
            _allow(rules, _READ_FILE, fd)
        for path in executable:
            try:
                fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            folder = _READ_DIR if os.path.isdir(path) else 0
            _allow(rules, _EXECUTE | _READ_FILE | folder, fd)
            os.close(fd)
        _check(_libc.syscall(_LANDLOCK_RESTRICT, rules, 0))
    finally:
        os.close(rules)


def _allow(rules: int, rights: int, fd: int) -> None:
    rule = struct.pack("=Qi", rights, fd)
    _check(_libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0))


# --- seccomp: which system calls a process may still make -------------------------------------

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_MACHINE = _MACHINES.get(platform.machine())
_ALLOW, _REFUSE, _ABSENT, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_X32 = 0x40000000
_THREAD = 0x00010000  # CLONE_THREAD

Calls = dict[str, tuple[int | None, int | None]]
"""System calls with their numbers on x86_64 and aarch64 (None: not there)."""

_WORK: Calls = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62),
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "ioctl": (16, 29), "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65),
    "writev": (20, 66), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "dup": (32, 23), "getpid": (39, 172), "exit": (60, 93), "fcntl": (72, 25),
    "ftruncate": (77, 46), "getrusage": (98, 165), "sigaltstack": (131, 132),
    "gettid": (186, 178), "futex": (202, 98), "sched_getaffinity": (204, 123),
    "clock_gettime": (228, 113), "exit_group": (231, 94), "newfstatat": (262, 79),
    "getrandom": (318, 278), "restart_syscall": (219, 128),
}  # fmt: skip
"""All that a worker in Python needs. No opening of files, no processes, no sockets."""

_HARM: Calls = {
    "socket": (41, 198), "connect": (42, 203), "socketpair": (53, 199), "bind": (49, 200),
    "fork": (57, None), "vfork": (58, None), "kill": (62, 129), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "setsid": (112, 157), "setpgid": (109, 154),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "memfd_create": (319, 279),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "open_by_handle_at": (304, 265), "setpriority": (141, 140), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "truncate": (76, 45),
}  # fmt: skip
"""What a program that is run does not need and could do harm with."""

_CLONE, _CLONE3, _TGKILL, _PRLIMIT = (56, 220), (435, 435), (234, 131), (302, 261)


def seccomp_works() -> bool:
    return _MACHINE is not None


def only_work() -> None:
    """Allow what a worker needs, and refuse everything else (EPERM)."""
    _install(_WORK, _REFUSE, _ALLOW)


def no_harm() -> None:
    """Refuse new processes (not threads), sockets, and what reaches other processes."""
    _install(_HARM, _ALLOW, _REFUSE)


def _install(calls: Calls, otherwise: int, listed: int) -> None:
    assert _MACHINE is not None
    column, architecture = _MACHINE
    program = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
    ]

    def with_argument(call: tuple[int, int], test: int, value: int) -> None:
        """Allow `call` only if its first argument passes the test."""
        program.extend(
            [
                (_EQUAL, 0, 4, call[column]),
                (_LOAD, 0, 0, 16),
                (test, 0, 1, value),
                (_RETURN, 0, 0, _ALLOW),
                (_RETURN, 0, 0, _REFUSE),
            ]
        )

    with_argument(_TGKILL, _EQUAL, os.getpid())
    with_argument(_PRLIMIT, _EQUAL, 0)
    if otherwise == _ALLOW:
        with_argument(_CLONE, _ANY_BIT, _THREAD)
        program += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ABSENT)]
    for numbers in calls.values():
        number = numbers[column]
        if number is not None:
            program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, listed)]
    program.append((_RETURN, 0, 0, otherwise))
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, filter_, 0, 0))
