"""A timer of the kernel for open-loop schedules: an event loop's own timers are a millisecond
coarse, which is as much as a message takes."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable, Iterator
from time import monotonic

TICK_S_MIN = 0.0005
_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Time(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))

    @classmethod
    def of(cls, seconds: float) -> _Time:
        return cls(int(seconds), int(seconds % 1 * 1e9))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("first", _Time))


class Schedule:
    """Calls `send(due, now)` for each of the ascending `times` before `stop`; what comes late (the
    loop was busy) keeps its due time, and nothing is left out."""

    def __init__(
        self, times: Iterator[float], stop: float, send: Callable[[float, float], None]
    ) -> None:
        self._times = times
        self._stop = stop
        self._send = send
        self._due = next(times)
        self._loop = asyncio.get_running_loop()
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop.add_reader(self._fd, self._tick)
        self._arm(self._due)

    def close(self, stop: float) -> None:
        """Send what was due by `stop`, where that is earlier than was planned, and no more."""
        if self._fd >= 0:
            self._stop = min(self._stop, stop)
            self._send_due(self._stop)
            self._end()

    def _tick(self) -> None:
        os.read(self._fd, 8)
        now = monotonic()
        self._send_due(now)
        if self._due >= self._stop:
            self._end()
        else:
            self._arm(max(self._due, now + TICK_S_MIN))

    def _send_due(self, until: float) -> None:
        until = min(until, self._stop)
        while self._due < until:
            self._send(self._due, monotonic())
            self._due = next(self._times)

    def _arm(self, at: float) -> None:
        setting = _Setting(first=_Time.of(at))
        if _libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(setting), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _end(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
