"""What is wrong is told once, again after growing pauses, and when it is over."""

from __future__ import annotations

import itertools

from runtime.troubles import LINES_MAX, REPEAT_S_MAX, REPEAT_S_MIN, Repeats, Troubles

SILENT = {"host-1": "does not answer"}


def test_a_change_is_told_once() -> None:
    troubles = Troubles()
    assert troubles.look({}, 0.0) == []
    assert troubles.look(SILENT, 1.0) == ["host-1 does not answer"]
    assert [troubles.look(SILENT, 1.0 + n) for n in range(1, 9)] == [[]] * 8
    assert troubles.look({}, 10.0) == ["host-1 is well again, after 9 s"]
    assert troubles.look({}, 11.0) == []


def test_what_lasts_is_told_again_after_growing_pauses() -> None:
    troubles = Troubles()
    day_s = 24 * 3600
    told = [now_s for now_s in range(day_s) if troubles.look(SILENT, float(now_s))]
    pauses = [after - before for before, after in itertools.pairwise(told)]
    assert pauses[0] == REPEAT_S_MIN
    assert pauses == sorted(pauses)
    assert pauses[-1] == REPEAT_S_MAX
    assert len(told) < 24 + 10
    assert troubles.look(SILENT, 2.0 * day_s) == [f"host-1 does not answer, for {2 * day_s} s now"]


def test_something_else_that_is_wrong_is_news() -> None:
    troubles = Troubles()
    troubles.look(SILENT, 0.0)
    assert troubles.look({"host-1": "cannot be started"}, 1.0) == ["host-1 cannot be started"]
    both = {**SILENT, "host-2": "does not answer"}
    assert troubles.look(both, 2.0) == ["host-1 does not answer", "host-2 does not answer"]
    assert troubles.look({"host-2": "does not answer"}, 4.0) == ["host-1 is well again, after 4 s"]


def test_a_line_that_was_not_heard_for_a_while_is_news() -> None:
    repeats = Repeats()
    assert repeats.heard("gone", 0.0) == 0
    assert repeats.heard("gone", 1.0) is None
    assert repeats.heard("other", 1.0) == 0
    assert repeats.heard("gone", REPEAT_S_MIN) == 1
    assert repeats.heard("gone", REPEAT_S_MIN + 1) is None
    assert repeats.heard("gone", 100 * REPEAT_S_MIN) == 0


def test_only_so_many_lines_are_remembered() -> None:
    repeats = Repeats()
    for n in range(LINES_MAX + 1):
        assert repeats.heard(n, 0.0) == 0
    assert repeats.heard(LINES_MAX, 1.0) is None
    assert repeats.heard(0, 1.0) == 0, "it was forgotten"
