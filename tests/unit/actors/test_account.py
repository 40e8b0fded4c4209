"""Accounts: registration, logins, their ends, passwords, profiles; and sessions that expire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors import addresses
from actors.handle.messages import NewAccount
from actors.session import turns as session
from actors.session.messages import Attach, Checked, CheckToken, Detach, KeepAlive, TokenUsed
from actors.session.turns import IDLE_MS_MAX
from actors.user import state as user
from actors.user.messages import Claimed, GetCredentials, GetProfile, Invite, NewLogin, NewPassword
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.frames import Close
from runtime import wire
from runtime.refs import NOBODY, ActorRef, Caller
from runtime.streams import system_prefix
from runtime.timers import BY_NAME, BY_TIME
from storage.keys import prefix_end
from tests.unit.actors.rows import pass_time, refused, refused_call, rows_of, stored, unchanged
from tests.unit.actors.town import FRONT, OK, Town

DAY_MS = 86_400_000


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def own(caller: Caller) -> ActorRef:
    return addresses.user(caller.user_id)


def session_of(caller: Caller) -> ActorRef:
    return addresses.session(caller.user_id, caller.session_id)


def log_in(town: Town, caller: Caller, session_id: int, password_hash: str = "hash") -> Caller:
    login = NewLogin(session_id, b"token", f"device {session_id}", password_hash)
    made = msgspec.convert(town.ask(own(caller), login), t.Authorization)
    assert (made.token, made.session_id, made.user.id) == ("", session_id, caller.user_id)
    town.settle()
    return Caller(caller.user_id, session_id)


def valid(town: Town, caller: Caller, token_hash: bytes = b"token") -> bool:
    """Whether the token of a session is good; it is stored at both or at neither."""
    listed = user.SESSIONS.get(rows_of(town, own(caller)), caller.session_id) is not None
    number = town.post(session_of(caller), CheckToken(token_hash), read=True)
    town.settle()
    answer = town.answers[number]
    if isinstance(answer, ApiError):
        assert answer.code == "unauthorized"
        assert not listed or token_hash != b"token"
        return False
    assert listed
    return True


def listed(town: Town, caller: Caller) -> set[int]:
    sessions: t.Sessions = town.call(caller, m.GetSessions())
    return {one.id for one in sessions.sessions}


# --- registration and login -------------------------------------------------------------------


def test_a_registration_makes_a_user_and_a_session(town: Town) -> None:
    account = NewAccount(5, 9, "Alice", "Alice A.", "hash", b"token", "phone")
    made = msgspec.convert(town.ask(addresses.username("Alice"), account), t.Authorization)
    assert made == t.Authorization(9, t.User(5, "Alice", "Alice A."))
    alice = Caller(5, 9)
    assert valid(town, alice)
    assert town.call(alice, m.GetMe()) == t.User(5, "Alice", "Alice A.")
    assert town.call(alice, m.GetState()) == t.MailboxState(0, town.now_ms)
    now_ms = town.now_ms
    assert town.call(alice, m.GetSessions()).sessions == [
        t.Session(9, "phone", now_ms, now_ms, current=True)
    ]


def test_a_registration_that_is_repeated_is_answered_alike(town: Town) -> None:
    account = NewAccount(5, 9, "alice", "Alice", "hash", b"token", "phone")
    first = town.ask(addresses.username("alice"), account)
    town.now_ms += 1_000
    assert unchanged(town, addresses.username("alice"), account) == first


def test_a_name_that_is_taken_registers_nobody(town: Town) -> None:
    town.register("alice")
    account = NewAccount(5, 9, "ALICE", "Another", "other hash", b"token", "phone")
    assert refused(town, addresses.username("ALICE"), account).code == "username_taken"
    assert refused(town, addresses.user(5), m.GetMe(), Caller(5, 9)).code == "user_not_found"
    assert not valid(town, Caller(5, 9))


def test_a_login_needs_the_hash_that_was_checked(town: Town) -> None:
    """The password may have been changed between the check and the login."""
    alice = town.register("alice")
    phone = log_in(town, alice, 2)
    assert valid(town, phone)
    assert valid(town, alice)
    wrong = refused(town, own(alice), NewLogin(3, b"token", "", "another hash"))
    nobody = refused(town, addresses.user(2**50), NewLogin(3, b"token", "", "hash"))
    assert wrong.code == "wrong_credentials"
    assert wrong.args == nobody.args, "it is not told whether there is such a user"


def test_a_login_that_is_repeated_makes_one_session(town: Town) -> None:
    alice = town.register("alice")
    log_in(town, alice, 2)
    before = stored(town)
    log_in(town, alice, 2)
    assert stored(town) == before
    assert listed(town, alice) == {2, alice.session_id}


def test_only_the_token_opens_a_session(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    stolen = Caller(bobby.user_id, alice.session_id)
    refusals = {
        str(refused(town, session_of(caller), Attach(FRONT, 1, token_hash)))
        for caller, token_hash in ((alice, b"another"), (alice, b""), (stolen, b"token"))
    }
    assert len(refusals) == 1, "it is not told whether there is such a session"
    assert not valid(town, alice, b"another")
    assert not valid(town, stolen)


# --- ends of sessions -------------------------------------------------------------------------


def test_a_logout_ends_this_session_only(town: Town) -> None:
    alice = town.register("alice")
    phone = log_in(town, alice, 2)
    town.attach(alice, 1)
    town.attach(phone, 2)
    town.call(phone, m.Logout())
    town.settle()
    assert town.closed == {2: Close.SESSION_ENDED}
    assert (valid(town, phone), valid(town, alice)) == (False, True)
    assert session.HEAD.get(rows_of(town, session_of(phone)), None) is None
    assert listed(town, alice) == {alice.session_id}
    assert refused(town, session_of(phone), Attach(FRONT, 3, b"token")).code == "unauthorized"


def test_ending_another_session(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    phone = log_in(town, alice, 2)
    town.attach(phone, 7)
    town.attach(phone, 8)
    town.call(alice, m.EndSession(2))
    town.settle()
    assert town.closed == {7: Close.SESSION_ENDED, 8: Close.SESSION_ENDED}
    assert not valid(town, phone)
    for session_id in (2, 3, bobby.session_id):
        assert refused_call(town, alice, m.EndSession(session_id)) == "session_not_found"
    assert valid(town, bobby)


def test_ending_all_others(town: Town) -> None:
    alice = town.register("alice")
    others = [log_in(town, alice, number) for number in (2, 3, 4)]
    town.attach(others[0], 7)
    assert town.call(alice, m.EndOtherSessions()).ended == 3
    town.settle()
    assert [valid(town, other) for other in others] == [False] * 3
    assert valid(town, alice)
    assert town.closed == {7: Close.SESSION_ENDED}
    assert unchanged(town, own(alice), m.EndOtherSessions(), alice) == {"ended": 0}


def test_nothing_is_pushed_to_a_session_that_has_ended(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bobby)
    town.attach(bobby, 7)
    town.call(bobby, m.Logout())
    town.settle()
    town.send(alice, chat, "hello")
    town.settle()
    assert 7 not in town.pushed


def test_a_heartbeat_of_a_session_that_has_ended_is_told_so(town: Town) -> None:
    """The host restarted between the end and the heartbeat, and has forgotten the connection."""
    alice = town.register("alice")
    town.call(alice, m.Logout())
    town.settle()
    beat = KeepAlive(FRONT, 7)
    assert refused(town, session_of(alice), beat).code == "unauthorized"
    town.engine(session_of(alice)).receive_ephemeral(_envelope(session_of(alice), beat))
    town.settle()
    assert town.closed == {7: Close.SESSION_ENDED}


def _envelope(ref: ActorRef, message: Any) -> msgspec.Raw:
    raw = msgspec.Raw(wire.encode(message))
    return msgspec.Raw(wire.encode(wire.Envelope(ref, NOBODY, None, raw)))


def test_beyond_the_limit_the_session_used_longest_ago_ends(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_PER_USER_MAX", 3)
    alice = town.register("alice")
    devices = []
    for session_id in (20, 10, 30):  # in this order
        town.now_ms += 1_000
        devices.append(log_in(town, alice, session_id))
    assert not valid(town, alice)
    assert listed(town, devices[0]) == {10, 20, 30}
    town.attach(devices[0], 7)
    town.now_ms += 1_000
    town.post(session_of(devices[0]), Detach(FRONT, 7))
    town.settle()
    log_in(town, alice, 10)  # is there already
    assert listed(town, devices[0]) == {10, 20, 30}
    log_in(town, alice, 5)
    assert listed(town, devices[0]) == {5, 20, 30}, "10 was there last, but 20 was used since"
    town.now_ms += 3_600_000
    use_by_http(town, devices[2])
    log_in(town, alice, 6)
    log_in(town, alice, 7)
    assert listed(town, devices[2]) == {6, 7, 30}


def use_by_http(town: Town, caller: Caller) -> None:
    """As a front does that is given the session's token."""
    answer = town.ask(session_of(caller), CheckToken(b"token"), read=True)
    if msgspec.convert(answer, Checked).stale:
        town.post(session_of(caller), TokenUsed())
    town.settle()


@pytest.mark.parametrize("restarted", [False, True], ids=["", "while its host starts"])
def test_no_login_ends_a_session_that_is_connected(
    town: Town, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    """A script logs in as often as it likes; the telephone, the oldest session, stays."""
    monkeypatch.setattr(limits, "SESSIONS_PER_USER_MAX", 3)
    phone = town.register("alice")
    town.attach(phone, 7)
    if restarted:
        for name in town.names:
            town.start(name)
    for session_id in range(2, 60):
        town.now_ms += 1_000
        log_in(town, phone, session_id)
    assert valid(town, phone)
    assert listed(town, phone) == {phone.session_id, 58, 59}
    assert town.closed == {}


def test_where_all_sessions_are_connected_a_login_is_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_PER_USER_MAX", 2)
    alice = town.register("alice")
    other = log_in(town, alice, 2)
    town.attach(alice, 1)
    town.attach(other, 2)
    login = NewLogin(3, b"token", "third", "hash")
    assert refused(town, own(alice), login).code == "too_many"
    town.call(other, m.Logout())
    town.settle()
    log_in(town, alice, 3)
    assert listed(town, alice) == {alice.session_id, 3}


def test_a_session_has_so_many_connections_and_the_first_one_gives_way(town: Town) -> None:
    alice = town.register("alice")
    for connection in range(1, limits.CONNECTIONS_PER_SESSION_MAX + 1):
        town.attach(alice, connection)
    assert town.closed == {}
    town.attach(alice, 99)
    assert town.closed == {1: Close.TOO_MANY}
    town.call(alice, m.UpdateProfile(name="New"))
    town.settle()
    assert set(town.pushed) == {*range(2, limits.CONNECTIONS_PER_SESSION_MAX + 1), 99}


def test_heartbeats_attach_no_more_connections_than_hellos(town: Town) -> None:
    alice = town.register("alice")
    for connection in range(1, limits.CONNECTIONS_PER_SESSION_MAX + 4):
        town.ask(session_of(alice), KeepAlive(FRONT, connection))
    town.call(alice, m.UpdateProfile(name="New"))
    town.settle()
    assert len(town.pushed) == limits.CONNECTIONS_PER_SESSION_MAX
    assert town.closed == dict.fromkeys((1, 2, 3), Close.TOO_MANY)


# --- sessions that expire ---------------------------------------------------------------------


def test_a_session_that_is_not_used_ends(town: Town) -> None:
    alice = town.register("alice")
    pass_time(town, IDLE_MS_MAX - 1)
    assert valid(town, alice)
    pass_time(town, 1)
    assert not valid(town, alice)
    assert user.SESSIONS.scan(rows_of(town, own(alice)), limit=10) == []
    assert session.HEAD.get(rows_of(town, session_of(alice)), None) is None


def test_a_session_that_is_used_goes_on(town: Town) -> None:
    alice = town.register("alice")
    for connection in range(1, 5):
        pass_time(town, IDLE_MS_MAX // 2)
        town.attach(alice, connection)
        town.post(session_of(alice), Detach(FRONT, connection))
        town.settle()
    pass_time(town, IDLE_MS_MAX - 1)
    assert valid(town, alice)
    pass_time(town, 1)
    assert not valid(town, alice)


def test_a_session_that_is_connected_goes_on(town: Town) -> None:
    alice = town.register("alice")
    town.attach(alice, 1)
    for _ in range(5):
        pass_time(town, IDLE_MS_MAX)
        assert valid(town, alice)


def test_a_session_expires_although_its_host_was_restarted(town: Town) -> None:
    alice = town.register("alice")
    for name in town.names:
        town.start(name)
    pass_time(town, IDLE_MS_MAX)
    assert not valid(town, alice)


def test_the_end_of_a_session_ends_its_timer(town: Town) -> None:
    alice = town.register("alice")
    before = timers(town)
    log_in(town, alice, 2)
    assert len(timers(town)) == len(before) + 2, "by time and by name"
    town.call(alice, m.EndSession(2))
    town.settle()
    assert timers(town) == before


def timers(town: Town) -> list[bytes]:
    """The keys of all timers."""
    return [
        key
        for name in town.names
        for partition in town.placement.led_by(name)
        for table in (BY_TIME, BY_NAME)
        if (base := b"%b%c" % (system_prefix(partition), table))
        for key, _ in town.stores[name].scan(partition, base, prefix_end(base), limit=100)
    ]


def test_a_session_that_is_used_by_http_goes_on(town: Town) -> None:
    """A program that uses HTTP only, every day."""
    alice = town.register("alice")
    for day in range(IDLE_MS_MAX // DAY_MS + 1):
        pass_time(town, DAY_MS)
        assert valid(town, alice), f"ended after {day} days of use"
        use_by_http(town, alice)
    assert [one.active_ms for one in town.call(alice, m.GetSessions()).sessions] == [town.now_ms]
    before = stored(town)
    town.now_ms += session.USED_STEP_MS
    use_by_http(town, alice)
    assert stored(town) == before, "at most once a minute"


def test_a_session_that_was_connected_lately_goes_on(town: Town) -> None:
    """A device that was connected from the first to the last but one day."""
    alice = town.register("alice")
    town.attach(alice, 1)
    for _ in range(IDLE_MS_MAX // DAY_MS - 1):
        pass_time(town, DAY_MS)
        town.ask(session_of(alice), KeepAlive(FRONT, 1))
    town.post(session_of(alice), Detach(FRONT, 1))
    pass_time(town, DAY_MS)
    assert valid(town, alice)


def test_activity_is_shown_but_stored_at_most_once_an_hour(town: Town) -> None:
    alice = town.register("alice")
    phone = log_in(town, alice, 2)
    town.attach(phone, 1)
    town.now_ms += 60_000
    before = stored(town)
    town.attach(phone, 2)
    assert stored(town) == before
    shown = {one.id: one.active_ms for one in town.call(alice, m.GetSessions()).sessions}
    assert shown[2] == town.now_ms
    town.now_ms += 2 * 3_600_000
    town.attach(phone, 3)
    town.settle()
    row = user.SESSIONS.get(rows_of(town, own(alice)), 2)
    head = session.HEAD.get(rows_of(town, session_of(phone)), None)
    assert row is not None
    assert head is not None
    assert (row.active_ms, head.active_ms) == (town.now_ms, town.now_ms)


# --- passwords and profiles -------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions(town: Town) -> None:
    alice = town.register("alice")
    phone = log_in(town, alice, 2)
    town.attach(phone, 7)
    change = NewPassword("hash", "new hash")
    assert town.ask(own(alice), change, alice) == OK
    town.settle()
    assert (valid(town, alice), valid(town, phone)) == (True, False)
    assert town.closed == {7: Close.SESSION_ENDED}
    assert refused(town, own(alice), NewLogin(3, b"token", "", "hash")).code == (
        "wrong_credentials"
    )
    other = log_in(town, alice, 3, "new hash")
    assert unchanged(town, own(alice), change, alice) == OK, "a repeated change ends nobody"
    assert valid(town, other)


def test_of_two_changes_at_once_one_takes_effect(town: Town) -> None:
    alice = town.register("alice")
    phone = log_in(town, alice, 2)
    first = town.post(own(alice), NewPassword("hash", "first"), alice)
    second = town.post(own(alice), NewPassword("hash", "second"), phone)
    town.settle()
    assert town.answers[first] == b'{"ok":true}'
    assert town.answers[second].code == "wrong_credentials"
    assert (valid(town, alice), valid(town, phone)) == (True, False)
    kept = town.ask(own(alice), GetCredentials(), read=True)
    assert kept == [alice.user_id, "first"]


def test_a_profile_changes_where_it_is_told_to(town: Town) -> None:
    alice = town.register("alice")
    town.attach(alice, 1)
    changed = town.call(alice, m.UpdateProfile(name="Alice A."))
    assert changed == t.User(alice.user_id, "alice", "Alice A.")
    changed = town.call(alice, m.UpdateProfile(bio="In Wonderland"))
    assert changed == t.User(alice.user_id, "alice", "Alice A.", "In Wonderland")
    updates = [frame["update"] for frame in town.pushed[1]]
    assert [update["type"] for update in updates] == ["profile", "profile"]
    assert msgspec.convert(updates[-1]["user"], t.User) == changed
    for same in (m.UpdateProfile(), m.UpdateProfile("Alice A.", "In Wonderland")):
        unchanged(town, own(alice), same, alice)
    assert town.call(alice, m.UpdateProfile(bio="")).bio == ""
    assert [entry.kind for _, entry in town.mail(alice)] == ["profile"] * 3


READS = (GetProfile, GetCredentials)


@pytest.mark.parametrize(
    "message",
    [
        m.GetMe(),
        m.GetState(),
        m.GetDifference(0),
        m.GetDialogs(),
        m.UpdateProfile(name="New"),
        m.AddContact(7),
        m.RemoveContact(7),
        m.OpenPrivate(2**50),
        GetProfile(),
        GetCredentials(),
        NewPassword("hash", "new"),
        Claimed("somebody"),
        Invite("g5", 7),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_user_who_does_not_exist_has_and_does_nothing(town: Town, message: Any) -> None:
    town.register("alice")
    ref = addresses.user(2**50)
    before = stored(town)
    with pytest.raises(ApiError) as caught:
        town.ask(ref, message, Caller(2**50, 1), isinstance(message, READS))
    assert caught.value.code == "user_not_found"
    assert stored(town) == before


def test_a_name_from_before_lines_were_checked_stays_readable(town: Town) -> None:
    odd = "\u202eecilA\n\u3164"
    alice = town.register("alice", odd)
    assert town.call(alice, m.GetMe()).name == odd
    assert town.call(alice, m.UpdateProfile(bio="hello")).name == odd
    assert refused_call(town, alice, m.UpdateProfile(name=odd)) == "bad_request"
    assert town.call(alice, m.UpdateProfile(name="Alice")).name == "Alice"
