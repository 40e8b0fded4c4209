"""What is started again, and when."""

from __future__ import annotations

from heliograph.server.keeping import PAUSE_S_MAX, PAUSE_S_MIN, STEADY_S, Keeper, Pauses


def test_what_ends_is_started_again_at_once() -> None:
    keeper = Keeper()
    keeper.up("node-1", 0.0)
    assert keeper.due(1.0) == []
    keeper.ended("node-1", "was killed by signal 9", 1.0)
    assert keeper.due(1.0) == ["node-1"]
    assert keeper.wrong() == {"node-1": "was killed by signal 9"}
    keeper.up("node-1", 2.0)
    assert keeper.due(100.0) == []
    assert keeper.wrong() == {}


def test_what_cannot_be_started_is_tried_again_after_growing_pauses() -> None:
    keeper = Keeper()
    keeper.up("node-1", 0.0)
    now_s = 0.0
    tried = []
    for _ in range(12):
        keeper.ended("node-1", "cannot be started", now_s)
        while not keeper.due(now_s):
            now_s += PAUSE_S_MIN / 2
        tried.append(now_s)
    pauses = [after - before for before, after in zip([0.0, *tried], tried, strict=False)]
    assert pauses[:4] == [0.0, PAUSE_S_MIN, 2 * PAUSE_S_MIN, 4 * PAUSE_S_MIN]
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSE_S_MAX


def test_what_was_up_for_long_is_started_at_once_again() -> None:
    pauses = Pauses()
    assert [pauses.ended(1.0) for _ in range(3)] == [0.0, PAUSE_S_MIN, 2 * PAUSE_S_MIN]
    assert pauses.ended(STEADY_S) == 0.0
    assert pauses.ended(STEADY_S - 1) == PAUSE_S_MIN


def test_parts_are_kept_each_for_itself() -> None:
    keeper = Keeper()
    for name in ("node-1", "node-2"):
        keeper.up(name, 0.0)
    keeper.ended("node-2", "ended", 5.0)
    keeper.ended("node-2", "ended", 5.0)
    keeper.ended("node-1", "ended", 5.0)
    assert keeper.due(5.0) == ["node-1"]
    assert keeper.due(5.0 + PAUSE_S_MIN) == ["node-1", "node-2"]
