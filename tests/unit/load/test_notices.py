"""A load says where it was itself the limit, and where it did not do what it was asked to."""

from __future__ import annotations

import pytest

from sim.load.figures import figures
from sim.load.histogram import histogram_of
from sim.load.notices import kept_rate, notices
from sim.load.outcome import Outcome, StormOutcome
from sim.load.plan import Chats, Plan


def outcome(**changes: object) -> Outcome:
    """One that has nothing to say of itself, but for the changes."""
    found = Outcome(seconds=10.0, sent=1_000, due=1_000, left=1_000, cpu_s=[4.0, 3.0])
    found.late = histogram_of([0.0001] * 1_000)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_of_a_good_run_there_is_nothing_to_say() -> None:
    assert notices(outcome()) == []
    assert notices(outcome(left=990)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aborted": "94.0 % of it succeeded"}, "It ended early: 94.0 % of it succeeded."),
        ({"left": 900}, "of 1,000 messages that were due, 900 left in time"),
        ({"paced": 3}, "held messages back"),
        ({"cpu_s": [4.0, 9.5]}, "its process 2 of 2 took 95% of a core"),
        ({"late": histogram_of([0.0] * 90 + [0.05] * 10)}, "late itself: by 50 ms"),
        ({"machine_busy": 0.97}, "cores were busy (97%); the load took 0.7 of them"),
        ({"errors": {"no_local_port": 7}}, "no free port for a connection (7 times)"),
        ({"errors": {"no_open_file": 7}}, "no more open files (7 times)"),
        ({"storms": [StormOutcome(1.0, 50, 50, 48)]}, "that storms took, 2 were not back"),
        ({"storms": [StormOutcome(1.0, 50, 40, 40)]}, "to take 50 connections; only 40 were"),
    ],
)
def test_what_is_to_be_known_is_said_first(changes: dict[str, object], said: str) -> None:
    (notice,) = notices(outcome(**changes))
    assert said in notice
    assert figures(Plan((Chats(1),)), outcome(**changes))["notices"] == [notice]


def test_few_messages_may_be_under_way_at_the_end() -> None:
    assert kept_rate(outcome(due=5, left=2))
    assert not kept_rate(outcome(due=5, left=1))
    found = figures(Plan((Chats(1),), rate=100.0), outcome(left=900))
    assert (found["due_per_s"], found["left_per_s"], found["kept_rate"]) == (100.0, 90.0, False)
