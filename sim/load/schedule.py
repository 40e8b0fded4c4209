"""A timer of the kernel for open-loop schedules: an event loop's own timers are a millisecond
coarse, which is as much as a message takes."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
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
    """Calls `send(number, due)` for the messages 0, 1, 2, … that are due every `1/rate` seconds
    from `start` until `stop`; those that come late (the loop was busy) keep their due time."""

    def __init__(
        self, rate: float, start: float, stop: float, send: Callable[[int, float], None]
    ) -> None:
        self._interval_s = 1.0 / rate
        self._start = start
        self._stop = stop
        self._send = send
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        tick_s = max(self._interval_s, TICK_S_MIN)
        setting = _Setting(interval=_Time.of(tick_s), first=_Time.of(start))
        if _libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(setting), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._loop.add_reader(self._fd, self._tick)

    def _tick(self) -> None:
        os.read(self._fd, 8)
        now = monotonic()
        while True:
            due = self._start + self._next * self._interval_s
            if due >= self._stop:
                self.close()
                return
            if due > now:
                return
            self._send(self._next, due)
            self._next += 1

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
