"""When acknowledgements go out, on a clock of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from heliograph._acks import Acks

INTERVAL_S = 0.25


class Timer:
    def __init__(self, due_s: float, act: Callable[[], None]) -> None:
        self.due_s = due_s
        self.act = act
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """The part of an event loop that `Acks` uses."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, wait_s: float, act: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now_s + wait_s, act))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        due = [timer for timer in self.timers if timer.due_s <= self.now_s]
        self.timers = [timer for timer in self.timers if timer.due_s > self.now_s]
        for timer in due:
            if not timer.cancelled:
                timer.act()


class Wire:
    """Where acknowledgements go while `up`."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[int] = []

    def write(self, pts: int) -> bool:
        if self.up:
            self.sent.append(pts)
        return self.up


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_the_first_goes_at_once_and_those_that_follow_go_together(loop: Loop, wire: Wire) -> None:
    acks = Acks(wire.write, INTERVAL_S)
    acks.handed(1)
    assert wire.sent == [1]
    acks.handed(2)
    acks.handed(3)
    loop.advance(INTERVAL_S / 2)
    acks.handed(4)
    assert wire.sent == [1]
    loop.advance(INTERVAL_S / 2)
    assert wire.sent == [1, 4]
    loop.advance(INTERVAL_S)
    assert wire.sent == [1, 4], "and nothing more"
    acks.handed(5)
    assert wire.sent == [1, 4, 5]


def test_what_could_not_be_sent_is_sent_on_the_next_connection(loop: Loop, wire: Wire) -> None:
    acks = Acks(wire.write, INTERVAL_S)
    wire.up = False
    acks.handed(1)
    acks.handed(2)
    loop.advance(INTERVAL_S)
    wire.up = True
    acks.resume()
    assert wire.sent == [2]


def test_a_connection_that_failed_holds_nothing_back(loop: Loop, wire: Wire) -> None:
    """The interval counts from what was sent, not from what was tried."""
    acks = Acks(wire.write, INTERVAL_S)
    wire.up = False
    acks.handed(1)
    wire.up = True
    acks.handed(2)
    assert wire.sent == [2]


def test_a_new_connection_is_told_again(loop: Loop, wire: Wire) -> None:
    acks = Acks(wire.write, INTERVAL_S)
    acks.handed(7)
    loop.advance(INTERVAL_S)
    acks.resume()
    assert wire.sent == [7, 7]


def test_where_nothing_was_handed_out_nothing_is_said(loop: Loop, wire: Wire) -> None:
    acks = Acks(wire.write, INTERVAL_S)
    acks.resume()
    acks.flush()
    assert wire.sent == []


def test_what_was_handed_out_before_a_restart_is_said_again(loop: Loop, wire: Wire) -> None:
    Acks(wire.write, INTERVAL_S, 12).resume()
    assert wire.sent == [12]


def test_flush_sends_what_waits_once(loop: Loop, wire: Wire) -> None:
    acks = Acks(wire.write, INTERVAL_S)
    acks.handed(1)
    acks.flush()
    assert wire.sent == [1], "nothing waited"
    acks.handed(2)
    acks.flush()
    loop.advance(INTERVAL_S)
    assert wire.sent == [1, 2]


def test_stop_sends_nothing(loop: Loop, wire: Wire) -> None:
    acks = Acks(wire.write, INTERVAL_S)
    acks.handed(1)
    acks.handed(2)
    acks.stop()
    loop.advance(INTERVAL_S)
    assert wire.sent == [1]
