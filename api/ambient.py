"""Time and chance. This is the one way to them for all that the simulator runs, so that it can
replace them here, all at once (`replaced`); the linter forbids the others.

Timers of asyncio are not here: they belong to the loop, which the simulator replaces, too.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Surroundings(Protocol):
    """What a process has around it."""

    def unix_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...

    def boot_s(self) -> float: ...

    def random_bytes(self, size: int) -> bytes: ...

    def random_below(self, bound: int) -> int: ...


def best_clock() -> int:
    """The clock that counts through sleep, where there is one."""
    try:
        time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # not Linux, or not allowed here
        return time.CLOCK_MONOTONIC
    return time.CLOCK_BOOTTIME


_BOOT = best_clock()


class Machine:
    """The real ones."""

    monotonic_s = staticmethod(time.monotonic)
    random_bytes = staticmethod(secrets.token_bytes)
    random_below = staticmethod(secrets.randbelow)

    def unix_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_s(self) -> float:
        return time.clock_gettime(_BOOT)


_around: Surroundings = Machine()


@contextmanager
def replaced(surroundings: Surroundings) -> Iterator[None]:
    """For the length of a `with`, this process has others around it."""
    global _around
    before, _around = _around, surroundings
    try:
        yield
    finally:
        _around = before


def now_ms() -> int:
    """Unix time in milliseconds, by which times of the contract are told. It may be set."""
    return _around.unix_ms()


def monotonic_s() -> float:
    """Seconds since some time; to be compared within one process only. asyncio's timers go by
    it."""
    return _around.monotonic_s()


def boot_s() -> float:
    """The same, and it counts also while the machine sleeps, when `monotonic_s` stands still on
    Linux: a leader would wake with a lease that is over. It can be mixed with asyncio's timers:
    they can only be late by this clock, and whoever wakes looks at it again."""
    return _around.boot_s()


def random_bytes(size: int) -> bytes:
    """Bytes that nobody can guess."""
    return _around.random_bytes(size)


def random_hex(size: int) -> str:
    """The same in hexadecimal digits, two for each byte."""
    return _around.random_bytes(size).hex()


def random_below(bound: int) -> int:
    """A number from 0 to below `bound` that nobody can guess."""
    return _around.random_below(bound)


def random_share() -> float:
    """A number from 0.0 to below 1.0."""
    return _around.random_below(1 << 53) / (1 << 53)
