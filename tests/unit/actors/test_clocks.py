"""What lasts, on a machine whose clock is set by an hour or by years, either way."""

from __future__ import annotations

from typing import Any

import pytest

from actors import addresses
from actors.file.messages import FileKept, MayDelete
from actors.session import turns as session
from actors.session.messages import Attach, CheckToken, Detach
from actors.throttle import turns as throttle
from actors.throttle.messages import Admit
from actors.tickets import MessagePass, Seal, Ticket
from actors.user.messages import GetProfile
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from runtime.refs import ActorRef
from runtime.steady import MemoryKeeper, SteadyClock
from tests.unit.actors.mailboxes import log_in
from tests.unit.actors.town import FRONT, Town

HOUR_MS = 3_600_000
YEARS_MS = 30 * 365 * 24 * HOUR_MS
JUMPS = [HOUR_MS, -HOUR_MS, YEARS_MS, -YEARS_MS]


class Machine:
    """A town whose clock can be set: `town.now_ms` is what it says."""

    def __init__(self) -> None:
        self.town = Town()
        self.passed_ms = 0
        for engine in self.town.engines.values():
            engine.clock = SteadyClock(
                lambda: self.town.now_ms, lambda: self.passed_ms / 1000, MemoryKeeper()
            )
            engine.calendar = lambda: self.town.now_ms

    def passes(self, ms: int, steps: int = 10) -> None:
        for _ in range(steps):
            self.town.now_ms += ms // steps
            self.passed_ms += ms // steps
            for engine in self.town.engines.values():
                engine.fire_timers()
            self.town.settle()

    def ask(self, ref: ActorRef, message: Any, read: bool = False) -> Any:
        return self.town.ask(ref, message, read=read)


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_nobody_is_logged_out_and_nobody_stays_for_ever(jump_ms: int) -> None:
    machine = Machine()
    town = machine.town
    alice = town.register("alice")
    ref = addresses.session(alice.user_id, alice.session_id)
    town.now_ms += jump_ms
    machine.passes(session.IDLE_MS_MAX // 2 - HOUR_MS)
    machine.ask(ref, CheckToken(b"token"), read=True)
    machine.passes(2 * session.IDLE_MS_MAX, steps=100)
    with pytest.raises(ApiError):
        machine.ask(ref, CheckToken(b"token"), read=True)


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_use_counts_and_the_least_used_goes(jump_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SESSIONS_PER_USER_MAX", 2)
    machine = Machine()
    town = machine.town
    alice = town.register("alice")
    machine.passes(HOUR_MS)
    old = log_in(town, alice, 2)
    town.now_ms += jump_ms
    machine.passes(HOUR_MS)
    machine.ask(addresses.session(alice.user_id, alice.session_id), Attach(FRONT, 1, b"token"))
    town.post(addresses.session(alice.user_id, alice.session_id), Detach(FRONT, 1))
    town.settle()
    log_in(town, alice, 3)
    left = {one.id for one in town.call(alice, m.GetSessions()).sessions}
    assert left == {alice.session_id, 3}
    assert old.session_id not in left


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_who_has_to_wait_waits_as_long_as_it_takes(jump_ms: int) -> None:
    machine = Machine()
    ref = ActorRef("throttle", "account:alice")
    for _ in range(throttle.FREE_PER_ACCOUNT + 2):
        while machine.ask(ref, Admit("192.0.2.7"))[0]:
            machine.passes(1_000)
    machine.town.now_ms += jump_ms
    assert 0 < machine.ask(ref, Admit("192.0.2.7"))[0] <= 8
    machine.passes(16_000)
    assert machine.ask(ref, Admit("192.0.2.7"))[0] == 0


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_uploads_and_files_are_kept_for_their_time(jump_ms: int) -> None:
    machine = Machine()
    town = machine.town
    alice = town.register("alice")
    town.call(alice, m.BeginUpload(7, 1000))
    file = addresses.file("f" * 43)
    machine.ask(file, FileKept(alice.user_id, 5, "file", 1))
    town.now_ms += jump_ms
    machine.passes(limits.UPLOAD_S_MAX * 400)
    assert town.call(alice, m.GetUpload(7)).size == 1000
    assert machine.ask(file, MayDelete()) == [False]
    machine.passes(limits.FILE_GRACE_S * 2200, steps=100)
    assert machine.ask(file, MayDelete()) == [True]
    with pytest.raises(ApiError):
        town.call(alice, m.GetUpload(7))


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_what_is_shown_is_what_the_clock_says(jump_ms: int) -> None:
    machine = Machine()
    town = machine.town
    alice, bobby = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bobby)
    town.send(alice, chat, "before")
    town.now_ms += jump_ms
    machine.passes(1_000)
    town.attach(alice, 1)
    sent = town.send(alice, chat, "after")
    assert sent.date_ms == town.now_ms
    shown = town.call(bobby, m.GetHistory(chat)).messages
    assert [message.text for message in shown] == ["before", "after"]
    status = machine.town.ask(addresses.user(alice.user_id), GetProfile(), bobby, read=True)[
        "status"
    ]
    assert status == {"online": True, "last_seen_ms": town.now_ms}


def test_a_link_that_was_made_while_the_clock_was_ahead_is_not_good_for_years() -> None:
    seal, now_ms = Seal(bytes(32)), 1_800_000_000_000
    media = t.Media("file", "f" * 43, 5, "", "")
    for value in (
        MessagePass(now_ms + limits.LINK_S * 1000, 1, "p1-2", 5, False),
        Ticket(now_ms + limits.TICKET_S * 1000, 1, media),
    ):
        text, kind = seal.close(value), type(value)
        assert seal.open(kind, text, now_ms) == value
        assert seal.open(kind, text, now_ms - 60_000) == value, "clocks differ a little"
        for moment_ms in (now_ms - YEARS_MS, now_ms + YEARS_MS):
            with pytest.raises(ApiError):
                seal.open(kind, text, moment_ms)
