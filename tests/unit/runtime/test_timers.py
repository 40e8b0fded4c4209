"""Timers: durable, each at its time and once, replaced and cancelled by name."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from api.errors import ApiError
from runtime import timers
from runtime.refs import ActorRef
from runtime.timers import BY_NAME, BY_TIME, NEVER_MS
from tests.profile import tries
from tests.unit.runtime.kit import KINDS, Add, LookAll, Remind, Rig

HOST = "host-0"
ONE, TWO = ActorRef("user", 1), ActorRef("user", 2)


def fire(rig: Rig, after_ms: int = 0) -> None:
    """Let time go on, and do what is due."""
    rig.now_ms += after_ms
    rig.engine.fire_timers()
    rig.settle()


def fired(rig: Rig, ref: ActorRef = ONE) -> list[int]:
    found: list[int] = rig.ask(ref, LookAll())
    return found


def left(rig: Rig) -> int:
    """Rows of timers; there are two of each."""
    by_time, by_name = rig.system_rows(BY_TIME), rig.system_rows(BY_NAME)
    assert len(by_time) == len(by_name)
    return len(by_time)


def test_a_timer_fires_at_its_time_and_once() -> None:
    rig = Rig()
    rig.ask(ONE, Remind("r", rig.now_ms + 10, 5))
    fire(rig, 9)
    assert (fired(rig), left(rig)) == ([], 1)
    fire(rig, 1)
    assert (fired(rig), left(rig)) == ([5], 0)
    fire(rig, 100)
    assert fired(rig) == [5]


def test_a_timer_survives_its_host_and_is_gone_when_its_effect_is_durable() -> None:
    rig = Rig()
    rig.ask(ONE, Remind("r", rig.now_ms + 10, 5))
    rig.start(HOST)
    rig.now_ms += 10
    rig.engine.fire_timers()
    rig.start(HOST)  # it died before the commit
    assert fired(rig) == []
    fire(rig)
    assert len(rig.disks[HOST]) == 2, "the effect and the deletion are one batch"
    rig.start(HOST)
    fire(rig)
    assert fired(rig) == [5]


def test_a_timer_is_as_durable_as_the_turn_that_set_it() -> None:
    rig = Rig()
    rig.post(ONE, Remind("r", rig.now_ms + 10, 5))
    rig.start(HOST)
    fire(rig, 100)
    assert fired(rig) == []


def test_timers_fire_in_the_order_of_their_times() -> None:
    rig = Rig()
    for amount, at_ms in enumerate([40, 10, 30, 20, 256, 255, 1 << 20], 1):
        rig.ask(ONE, Remind(f"r{amount}", rig.now_ms + at_ms, amount))
    fire(rig, 35)
    assert fired(rig) == [2, 4, 3]
    fire(rig, 1 << 20)
    assert fired(rig) == [2, 4, 3, 1, 6, 5, 7]


def test_a_timer_of_the_same_name_replaces_the_one_before() -> None:
    """Of the same actor: names do not tell actors apart."""
    rig = Rig()
    rig.ask(TWO, Remind("r", rig.now_ms + 10, 20))
    rig.ask(ONE, Remind("r", rig.now_ms + 10, 1))
    rig.ask(ONE, Remind("r", rig.now_ms + 30, 2))
    rig.ask(ONE, Remind("rr", rig.now_ms + 20, 3))
    rig.post(ONE, Remind("q", rig.now_ms + 10, 4))
    rig.post(ONE, Remind("q", rig.now_ms + 25, 5))
    rig.settle()
    assert left(rig) == 4
    fire(rig, 20)
    assert (fired(rig), fired(rig, TWO)) == ([3], [20])
    fire(rig, 10)
    assert (fired(rig), left(rig)) == ([3, 5, 2], 0)


def test_a_cancelled_timer_does_not_fire() -> None:
    rig = Rig()
    for ref, name in ((ONE, "a"), (ONE, "b"), (TWO, "a")):
        rig.ask(ref, Remind(name, rig.now_ms + 10, 5))
    rig.ask(ONE, Remind("a", 0, 0))
    rig.ask(ONE, Remind("unknown", 0, 0))
    assert left(rig) == 2
    fire(rig, 10)
    assert (fired(rig), fired(rig, TWO)) == ([5], [5])


def test_a_timer_may_be_cancelled_before_it_is_durable() -> None:
    rig = Rig()
    rig.post(ONE, Remind("r", rig.now_ms + 10, 5))
    rig.append(HOST)
    rig.post(ONE, Remind("r", 0, 0))
    rig.engine.settle()
    rig.settle()
    fire(rig, 100)
    assert (fired(rig), left(rig)) == ([], 0)


def test_a_round_is_bounded_and_the_rest_comes_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "DUE_PER_ROUND_MAX", 4)
    rig = Rig()
    for amount in range(1, 11):
        rig.ask(ONE, Remind(f"r{amount}", rig.now_ms + 10 - amount, amount))
    rig.now_ms += 100
    seen = []
    while rig.engine.timers.next_ms <= rig.now_ms:
        fire(rig)
        seen.append(len(fired(rig)))
    assert [count for count in seen if count < 10] == [4, 8]
    assert fired(rig) == list(range(10, 0, -1))


def test_the_next_time_is_never_later_than_a_timer() -> None:
    rig = Rig()
    engine = rig.engine
    assert engine.timers.next_ms <= rig.now_ms, "unknown before the first look"
    fire(rig)
    assert engine.timers.next_ms == NEVER_MS
    for name, at_ms in (("a", 50), ("b", 20), ("c", 70)):
        rig.ask(ONE, Remind(name, rig.now_ms + at_ms, at_ms))
    begun_ms = rig.now_ms
    assert engine.timers.next_ms == begun_ms + 20
    fire(rig, 30)
    assert engine.timers.next_ms == begun_ms + 50
    rig.start(HOST)
    assert rig.engine.timers.next_ms <= begun_ms + 50


def test_what_a_full_disk_took_back_fires_later() -> None:
    rig = Rig()
    rig.ask(ONE, Remind("r", rig.now_ms + 10, 5))
    rig.now_ms += 10
    while rig.engine.timers.next_ms <= rig.now_ms:
        rig.engine.fire_timers()
    rig.engine.cut()
    rig.engine.give_up(ApiError("storage_full", "no room", 1.0))
    rig.engine.read_only = True
    fire(rig, 10)
    assert (fired(rig), left(rig)) == ([], 1), "nothing is done as long as it only reads"
    rig.engine.read_only = False
    assert rig.engine.timers.next_ms <= rig.now_ms
    fire(rig)
    assert (fired(rig), left(rig)) == ([5], 0)


def test_a_timer_whose_message_its_actor_fails_at_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not be tried for ever."""
    rig = Rig()
    rig.ask(ONE, Remind("r", rig.now_ms + 10, 5))
    with monkeypatch.context() as patch:
        patch.delitem(KINDS["user"].handlers, Add)
        fire(rig, 10)
    fire(rig, 10)
    assert (fired(rig), left(rig)) == ([], 0)
    assert rig.engine.failures == 1


# --- in any order -------------------------------------------------------------------------------


class TimersMachine(RuleBasedStateMachine):
    """Against a model: by actor and name, when and what. `durable` is what a crash leaves."""

    @initialize()
    def make(self) -> None:
        self.rig = Rig()
        self.armed: dict[tuple[int, str], tuple[int, int]] = {}
        self.fired: dict[int, list[int]] = {1: [], 2: [], 3: []}
        self.amount = 0
        self.save()

    def save(self) -> None:
        self.durable = dict(self.armed), {key: list(found) for key, found in self.fired.items()}

    @rule(key=st.integers(1, 3), name=st.sampled_from("ab"), after_ms=st.integers(-5, 30))
    def arm(self, key: int, name: str, after_ms: int) -> None:
        self.amount += 1
        at_ms = self.rig.now_ms + after_ms
        self.rig.post(ActorRef("user", key), Remind(name, at_ms, self.amount))
        self.armed[key, name] = at_ms, self.amount

    @rule(key=st.integers(1, 3), name=st.sampled_from("ab"))
    def cancel(self, key: int, name: str) -> None:
        self.rig.post(ActorRef("user", key), Remind(name, 0, 0))
        self.armed.pop((key, name), None)

    @rule(after_ms=st.integers(0, 20))
    def go_on(self, after_ms: int) -> None:
        self.rig.now_ms += after_ms
        while self.rig.engine.timers.next_ms <= self.rig.now_ms:
            self.rig.engine.fire_timers()
        due = [(at, name) for name, at in self.armed.items() if at[0] <= self.rig.now_ms]
        # Of the same time: by name.
        for (_, amount), (key, name) in sorted(due, key=lambda one: (one[0][0], one[1][1])):
            self.fired[key].append(amount)
            del self.armed[key, name]

    @rule()
    def commit(self) -> None:
        self.rig.commit()
        self.save()

    @rule(full=st.booleans())
    def lose(self, full: bool) -> None:
        if full:
            self.rig.engine.cut()
            self.rig.engine.give_up(ApiError("storage_full", "no room", 1.0))
        else:
            self.rig.start(HOST)
        armed, found = self.durable
        self.armed, self.fired = dict(armed), {key: list(value) for key, value in found.items()}

    @rule()
    def check(self) -> None:
        self.commit()
        for key, amounts in self.fired.items():
            assert fired(self.rig, ActorRef("user", key)) == amounts
        assert left(self.rig) == len(self.armed)


TimersMachine.TestCase.settings = settings(
    max_examples=tries(100), stateful_step_count=40, deadline=None
)
TestTimers = TimersMachine.TestCase
