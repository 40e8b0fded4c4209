"""What a host keeps for its fronts: in order, bounded, and for those that fetch it."""

from __future__ import annotations

import pytest

from runtime import front_queues as fronts
from runtime.front_queues import FRONT_SILENCE_S_MAX, PACKET_BYTES_MAX, Fronts
from runtime.wire import PUSH, Out


def push(size: int = 1) -> Out:
    return Out(PUSH, 7, bytes(size))


def test_each_front_gets_its_own_in_order() -> None:
    all_fronts = Fronts()
    a, b = all_fronts.queue("a", 0.0), all_fronts.queue("b", 0.0)
    outs = [push(size) for size in range(6)]
    touched = all_fronts.release(zip("aabaab", outs, strict=True))
    assert touched == {a, b}
    assert (a.take(), b.take()) == ([outs[k] for k in (0, 1, 3, 4)], [outs[2], outs[5]])
    assert (a.take(), b.take()) == ([], [])


def test_a_front_that_never_called_gets_nothing() -> None:
    all_fronts = Fronts()
    assert all_fronts.release([("stranger", push())]) == set()
    assert all_fronts.queue("stranger", 0.0).take() == []
    assert all_fronts.dropped == 1


def test_a_packet_is_bounded_and_what_is_larger_travels_alone() -> None:
    all_fronts = Fronts()
    queue = all_fronts.queue("a", 0.0)
    outs = [push(PACKET_BYTES_MAX // 3), push(PACKET_BYTES_MAX // 3), push(PACKET_BYTES_MAX // 3)]
    outs += [push(2 * PACKET_BYTES_MAX), push(), push()]
    all_fronts.release(("a", out) for out in outs)
    packets = [queue.take() for _ in range(5)]
    assert packets == [outs[:2], outs[2:3], outs[3:4], outs[4:], []]


def test_fronts_that_went_silent_are_forgotten() -> None:
    all_fronts = Fronts()
    birth = all_fronts.queue("a", 0.0).birth
    all_fronts.queue("b", 0.0)
    assert all_fronts.queue("a", FRONT_SILENCE_S_MAX).birth == birth
    assert all_fronts.drop_silent(FRONT_SILENCE_S_MAX) == []
    assert all_fronts.drop_silent(FRONT_SILENCE_S_MAX + 1) == ["b"]
    assert len(all_fronts) == 1
    assert all_fronts.queue("b", 100.0).birth not in (birth, birth + 1), "another one of that name"


def test_a_front_that_does_not_fetch_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "QUEUED_OUTS_MAX", 10)
    all_fronts = Fronts()
    for name in ("slow", "fast"):
        all_fronts.queue(name, 0.0)
    all_fronts.release((name, push()) for name in ("slow", "fast") for _ in range(10))
    assert all_fronts.drop_silent(0.0) == []
    all_fronts.queue("fast", 0.0).take()
    all_fronts.release((name, push()) for name in ("slow", "fast"))
    assert all_fronts.drop_silent(0.0) == ["slow"]
