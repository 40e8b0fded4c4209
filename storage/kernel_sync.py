"""Syncs that the kernel does: neither the loop waits for the disk, nor a thread for the loop.

A thread that syncs beside a busy loop has to take the interpreter lock from it, and to wake it,
each of which takes longer than most syncs. Linux's asynchronous I/O (io_submit(2)) has fdatasync(2)
done by a worker of the kernel (IOCB_CMD_FDSYNC, since Linux 4.18), and an eventfd tells of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import platform

CALLS = {"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2)}
"""By machine: the numbers of io_setup, io_destroy, io_getevents, io_submit."""
FDSYNC = 3
TELL_EVENTFD = 1
AT_ONCE = 256
"""So many may be under way at least; where it gets too many, one is refused with EAGAIN."""


class _Request(ctypes.Structure):
    """struct iocb of linux/aio_abi.h, of a machine whose least significant byte comes first."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("rw_flags", ctypes.c_int32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("fd", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("event_fd", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


class KernelSync:
    """See the module. Of one loop, which runs. Raises OSError where the kernel has no such thing,
    or does not give it to this process."""

    def __init__(self) -> None:
        numbers = CALLS.get(platform.machine())
        if numbers is None:
            raise OSError("nobody has told the numbers of the calls of this machine")
        self._setup, self._destroy, self._getevents, self._submit = numbers
        # They take microseconds: the interpreter lock is kept.
        self._syscall = ctypes.PyDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._context = ctypes.c_ulong(0)
        self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            self._call(self._setup, AT_ONCE, ctypes.byref(self._context))
        except OSError:
            os.close(self._event_fd)
            raise
        self._events = (_Event * AT_ONCE)()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._event_fd, self._look)

    def sync(self, fd: int) -> asyncio.Future[None]:
        """The future is done when what was written to a file is on the disk; its exception is an
        OSError. Raises OSError where the kernel does not take it on."""
        self._number += 1
        request = _Request(
            data=self._number,
            opcode=FDSYNC,
            fd=fd,
            flags=TELL_EVENTFD,
            event_fd=self._event_fd,
        )
        self._call(self._submit, self._context, 1, ctypes.byref(ctypes.pointer(request)))
        future = self._waiting[self._number] = self._loop.create_future()
        return future

    def close(self) -> None:
        """What is under way ends, and nobody is told."""
        self._loop.remove_reader(self._event_fd)
        self._call(self._destroy, self._context)
        os.close(self._event_fd)

    def _look(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it was found with the one before
            os.eventfd_read(self._event_fd)
        while count := self._found():
            for event in self._events[:count]:
                self._settle(self._waiting.pop(event.data), -event.result)

    def _found(self) -> int:
        """How many are done, of those not told yet."""
        while True:
            with contextlib.suppress(InterruptedError):  # by a signal
                return self._call(self._getevents, self._context, 0, AT_ONCE, self._events, None)

    def _settle(self, future: asyncio.Future[None], error: int) -> None:
        if future.done():
            return  # nobody waits any more
        if error > 0:
            future.set_exception(OSError(error, os.strerror(error)))
        else:
            future.set_result(None)

    def _call(self, *arguments: object) -> int:
        whole = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
        result: int = self._syscall(*whole)
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result
