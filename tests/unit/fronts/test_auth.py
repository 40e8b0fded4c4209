"""The authentication service on a gateway that is told what actors answer."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Awaitable, Iterator
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import addresses
from actors.handle.messages import Holder, LookUp, NewAccount
from actors.invitation.messages import UseInvitation
from actors.throttle.messages import Admit, NetworkSpend, Verdict
from actors.user.messages import Credentials, GetCredentials, NewLogin
from api import methods as m
from api import names
from api import types as t
from api.errors import ApiError
from fronts import auth as auth_module
from fronts.auth import HASHER, AuthService, Passwords, Place
from fronts.passwords import prepared, spellings
from runtime.refs import EXEMPT, NOBODY, ActorRef, Caller
from shells.settings import Settings

PASSWORD = "correct horse"


class FakeGateway:
    """One account, `alice`; everything that is asked is remembered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.hash = ""
        self.waits_s = {"account": 0.0, "address": 0.0, "network": 0.0}
        self.known = False
        self.away = ""

    async def expect_answer_from(self, ref: ActorRef) -> None:
        self.asked.append((ref.kind, "expected"))

    async def ask(self, ref: ActorRef, message: Any, *_: Any, **__: Any) -> bytes:
        name = type(message).__name__
        self.asked.append((ref.kind, name))
        if name == self.away:
            raise ApiError("unavailable")
        return msgspec.json.encode(self.answer(ref, message))

    def answer(self, ref: ActorRef, message: Any) -> Any:
        if isinstance(message, NetworkSpend):
            return Verdict(self.waits_s["network"])
        if isinstance(message, Admit):
            wait_s = self.waits_s[str(ref.key).partition(":")[0]]
            known = self.known and str(ref.key).startswith("account:")
            return Verdict(wait_s, known, message.address)
        if isinstance(message, LookUp):
            return Holder(7 if ref == addresses.username("alice") else 0)
        if isinstance(message, GetCredentials):
            if ref.key != 7:
                raise ApiError("user_not_found")
            return Credentials(7, self.hash)
        if isinstance(message, NewLogin):
            return t.Authorization(message.session_id, t.User(7, "alice", "Alice"))
        if isinstance(message, UseInvitation | NewAccount):
            new = message.account if isinstance(message, UseInvitation) else message
            return t.Authorization(new.session_id, t.User(new.user_id, new.username, new.name))
        return t.Ok()


def service(
    registration: Literal["open", "invitation", "closed"] = "open",
) -> tuple[AuthService, FakeGateway]:
    gateway = FakeGateway()
    return AuthService(gateway, registration), gateway  # type: ignore[arg-type]


def refused(registration: Literal["open", "invitation", "closed"], params: m.Params) -> str:
    auth, gateway = service(registration)
    with pytest.raises(ApiError) as caught:
        asyncio.run(auth.call(params, NOBODY, "192.0.2.7"))
    assert not gateway.asked, "refused before it costs anything"
    assert auth.passwords.hashed == 0
    return caught.value.code


def test_a_closed_server_registers_nobody() -> None:
    register = m.Register("alice", PASSWORD, "Alice", invitation="guessed")
    assert refused("closed", register) == "registration_closed"


def test_a_server_by_invitation_wants_one() -> None:
    register = m.Register("alice", PASSWORD, "Alice")
    assert refused("invitation", register) == "invitation_invalid"


def test_an_invitation_is_asked_before_the_account_is_made() -> None:
    auth, gateway = service("invitation")
    register = m.Register("bobby", PASSWORD, "Bob", invitation="i-1")
    made = asyncio.run(auth.call(register, NOBODY, "192.0.2.7"))
    assert made.user.username == "bobby"
    assert gateway.asked[-1] == ("invitation", "UseInvitation")
    assert ("username", "NewAccount") not in gateway.asked


def test_wrong_name_and_wrong_password_take_the_same_steps_and_get_the_same_answer() -> None:
    def steps(username: str) -> tuple[list[tuple[str, str]], int, Any]:
        auth, gateway = service()

        async def run() -> None:
            gateway.hash = await auth.passwords.hash(PASSWORD)
            await auth.call(m.Login(username, "wrong"), NOBODY, "192.0.2.7")

        with pytest.raises(ApiError) as caught:
            asyncio.run(run())
        return gateway.asked, auth.passwords.hashed, caught.value.problem()

    known, unknown = steps("alice"), steps("nobody")
    assert known == unknown
    assert known[2].code == "wrong_credentials"


def test_the_right_password_logs_in() -> None:
    auth, gateway = service()

    async def run() -> Any:
        gateway.hash = await auth.passwords.hash(PASSWORD)
        return await auth.call(m.Login("alice", PASSWORD), NOBODY, "192.0.2.7")

    made = asyncio.run(run())
    assert made.user.id == 7
    assert made.token.startswith("7.")
    assert ("throttle", "TrySucceeded") in gateway.asked


def test_who_has_to_wait_is_told_how_long_and_costs_no_hash() -> None:
    auth, gateway = service()
    gateway.waits_s = {"account": 12.5, "address": 3.0}
    with pytest.raises(ApiError) as caught:
        asyncio.run(auth.call(m.Login("alice", PASSWORD), NOBODY, "192.0.2.7"))
    assert (caught.value.code, caught.value.retry_after) == ("flood", 12.5)
    assert auth.passwords.hashed == 0


def outcomes(gateway: FakeGateway) -> list[str]:
    """What throttles were told of tries, but that they began."""
    return [name for kind, name in gateway.asked if kind == "throttle" and name != "Admit"]


@pytest.mark.parametrize("away", ["LookUp", "GetCredentials", "hash"])
def test_what_was_not_checked_is_no_wrong_password(away: str) -> None:
    auth, gateway = service()

    async def run() -> str:
        gateway.hash = await auth.passwords.hash(PASSWORD)
        busy: list[Awaitable[str]] = []
        if away == "hash":
            auth.passwords = Passwords(workers=1, queued_max=0)
            busy.append(asyncio.create_task(auth.passwords.hash(PASSWORD)))
            await asyncio.sleep(0)
        gateway.away = away
        with pytest.raises(ApiError) as caught:
            await auth.call(m.Login("alice", PASSWORD), NOBODY, "192.0.2.7")
        await asyncio.gather(*busy)
        return caught.value.code

    assert asyncio.run(run()) == ("overloaded" if away == "hash" else "unavailable")
    assert outcomes(gateway) == ["TryUnchecked"] * 2


def test_a_try_that_one_throttle_refuses_does_not_count_at_the_other() -> None:
    auth, gateway = service()
    gateway.waits_s["account"] = 12.5
    with pytest.raises(ApiError):
        asyncio.run(auth.call(m.Login("alice", PASSWORD), NOBODY, "192.0.2.7"))
    assert outcomes(gateway) == ["TryUnchecked"]


def test_a_wrong_password_counts() -> None:
    auth, gateway = service()

    async def run() -> None:
        gateway.hash = await auth.passwords.hash(PASSWORD)
        with pytest.raises(ApiError):
            await auth.call(m.Login("alice", "wrong"), NOBODY, "192.0.2.7")

    asyncio.run(run())
    assert not outcomes(gateway), "it counts until something else is told"


ME = Caller(0, 0, network="192.0.2.7")


def test_registrations_are_limited_by_network_and_given_back_where_nothing_was_done() -> None:
    auth, gateway = service()
    params = m.Register("bobby", PASSWORD, "Bob")
    asyncio.run(auth.call(params, ME, "192.0.2.7"))
    assert [name for kind, name in gateway.asked if kind == "throttle"] == ["NetworkSpend"] * 2

    async def busy() -> None:
        auth.passwords = Passwords(workers=1, queued_max=0)
        first = asyncio.create_task(auth.passwords.hash(PASSWORD))
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="overloaded"):
            await auth.call(params, ME, "192.0.2.7")
        await first

    asyncio.run(busy())
    assert gateway.asked[-1] == ("throttle", "NetworkUnspent")

    gateway.waits_s["network"], hashed = 720.0, auth.passwords.hashed
    with pytest.raises(ApiError) as caught:
        asyncio.run(auth.call(params, ME, "192.0.2.7"))
    assert (caught.value.code, caught.value.retry_after) == ("flood", 720.0)
    assert auth.passwords.hashed == hashed, "and cost no hash"
    asyncio.run(auth.call(params, Caller(0, 0, network=EXEMPT), "192.0.2.7"))


@pytest.mark.parametrize("password", ["password1", "PassWord1", "trustno1", "1qaz2wsx"])
def test_the_most_common_passwords_are_refused(password: str) -> None:
    gateway = FakeGateway()
    auth = AuthService(gateway, "open", common_passwords=False)  # type: ignore[arg-type]
    for params in (m.Register("bobby", password, "Bob"), m.ChangePassword(PASSWORD, password)):
        with pytest.raises(ApiError) as caught:
            asyncio.run(auth.call(params, NOBODY, "192.0.2.7"))
        assert caught.value.code == "password_common"
        assert caught.value.field == _field(params)
        assert "take another" in caught.value.detail
    assert not gateway.asked
    asyncio.run(auth.call(m.Register("bobby", "correct horse", "Bob"), NOBODY, "192.0.2.7"))
    free, _ = service()
    asyncio.run(free.call(m.Register("bobby", password, "Bob"), NOBODY, "192.0.2.7"))


def _field(params: m.Params) -> str:
    """Where the new password stands."""
    return "/password" if isinstance(params, m.Register) else "/new_password"


@pytest.mark.parametrize("password", ["pass\u200bword 1", "pass\x07word 1", "e\u0301" * 4])
def test_of_a_password_that_cannot_be_the_field_is_told(password: str) -> None:
    auth, gateway = service()
    for params in (m.Register("bobby", password, "Bob"), m.ChangePassword(PASSWORD, password)):
        with pytest.raises(ApiError) as caught:
            asyncio.run(auth.call(params, NOBODY, "192.0.2.7"))
        assert (caught.value.code, caught.value.field) == ("invalid_params", _field(params))
    assert not gateway.asked


@pytest.fixture
def reserving() -> Iterator[None]:
    names.set_reserved(True)
    yield
    names.set_reserved(False)


@pytest.mark.usefixtures("reserving")
@pytest.mark.parametrize(
    "username", ["admin", "Support", "Heliograph", "admin_1", "Sup_port", "root_", "admin2026"]
)
def test_names_that_sound_like_the_servers_own_are_refused(username: str) -> None:
    assert refused("open", m.Register(username, PASSWORD, "Eve")) == "username_reserved"


@pytest.mark.usefixtures("reserving")
@pytest.mark.parametrize("username", ["alice", "administrate", "supporter", "robot", "a1234"])
def test_other_names_are_free(username: str) -> None:
    names.check_free(username)


def test_names_are_reserved_if_the_operator_does_not_say_otherwise() -> None:
    try:
        for allowed in (True, False):
            Settings("/data", "c", reserved_names=allowed).set_limits()
            codes = []
            for username in ("admin", "alice"):
                try:
                    names.check_free(username)
                except ApiError as error:
                    codes.append(error.code)
            assert codes == ([] if allowed else ["username_reserved"])
    finally:
        names.set_reserved(False)


PLACES = ("known", "stranger", "newcomer")


@pytest.mark.parametrize("place", PLACES)
def test_a_full_place_refuses_at_once_and_recovers(place: Place) -> None:
    passwords = Passwords(workers=1, queued_max=2)

    async def run() -> list[Any]:
        many = [passwords.hash(PASSWORD, place) for _ in range(5)]
        results = await asyncio.gather(*many, return_exceptions=True)
        assert await passwords.verify(await passwords.hash(PASSWORD), PASSWORD)
        return results

    results = asyncio.run(run())
    assert all(isinstance(result, str) for result in results[:3])
    for error in results[3:]:
        assert isinstance(error, ApiError)
        assert error.code == "overloaded"
        assert error.retry_after
    assert passwords.waiting == 0


def test_hashing_has_less_priority_than_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasher:
        def hash(self, password: str) -> str:
            return str(os.getpriority(os.PRIO_PROCESS, 0))  # of this thread

    monkeypatch.setattr(auth_module, "HASHER", Hasher())
    own = os.getpriority(os.PRIO_PROCESS, 0)
    hashed = asyncio.run(Passwords().hash(PASSWORD))
    assert int(hashed) == min(19, own + auth_module.NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


@pytest.mark.parametrize("storm", PLACES)
def test_a_storm_in_one_place_keeps_nobody_out_of_the_others(storm: Place) -> None:
    """Each of the others is served after at most one of the storm and one of the third place."""
    passwords = Passwords(workers=1, queued_max=16)
    served: list[str] = []

    async def one(place: Place) -> None:
        await passwords.hash(PASSWORD, place)
        served.append(place)

    async def run() -> None:
        await asyncio.gather(*map(one, [storm] * 17), *map(one, PLACES), return_exceptions=True)

    asyncio.run(run())
    others = {place for place in PLACES if place != storm}
    assert others <= set(served[:4])
    assert served.count(storm) == 17


def test_who_goes_away_while_waiting_leaves_no_hole() -> None:
    passwords = Passwords(workers=1, queued_max=8)

    async def run() -> None:
        tasks = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks[:4]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(task.result(), str) for task in tasks[4:])
        assert passwords.waiting == 0
        assert isinstance(await passwords.hash(PASSWORD), str)

    asyncio.run(run())


@pytest.mark.parametrize(("known", "place"), [(True, "known"), (False, "stranger")])
def test_who_has_come_from_here_before_waits_in_a_place_of_their_own(
    known: bool, place: str
) -> None:
    auth, gateway = service()
    gateway.known = known
    places: list[str] = []

    class Noted(Passwords):
        async def verify(self, password_hash: str | None, password: str, place: Place) -> int:  # type: ignore[override]
            places.append(place)
            return True

    auth.passwords = Noted()
    asyncio.run(auth.call(m.Login("alice", PASSWORD), NOBODY, "192.0.2.7"))
    assert places == [place]


COMPOSED, DECOMPOSED = "Gr\u00fc\u00dfe-Zo\u00eb-1", "Gru\u0308\u00dfe-Zoe\u0308-1"


@pytest.mark.parametrize("kept", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
def test_a_password_is_the_same_on_every_keyboard(kept: str, typed: str) -> None:
    auth, gateway = service()

    async def run() -> Any:
        gateway.hash = await auth.passwords.hash(kept)
        return await auth.call(m.Login("alice", typed), NOBODY, "192.0.2.7")

    assert asyncio.run(run()).user.id == 7
    assert ("user", "Rehashed") not in gateway.asked


def test_an_account_from_before_passwords_were_prepared_goes_on_and_is_hashed_anew() -> None:
    auth, gateway = service()
    gateway.hash = HASHER.hash(DECOMPOSED)
    made = asyncio.run(auth.call(m.Login("alice", DECOMPOSED), NOBODY, "192.0.2.7"))
    assert made.user.id == 7
    assert gateway.asked[-1] == ("user", "Rehashed"), "after the session, which names the old hash"
    with pytest.raises(ApiError) as caught:
        asyncio.run(auth.call(m.Login("alice", f"{DECOMPOSED}x"), NOBODY, "192.0.2.7"))
    assert caught.value.code == "wrong_credentials"


@pytest.mark.parametrize("bad", ["long\x00enough", "long\u200benough", "e\u0301" * 4])
def test_what_cannot_become_a_password(bad: str) -> None:
    assert refused("open", m.Register("alice", bad, "Alice")) == "invalid_params"
    assert refused("open", m.ChangePassword(PASSWORD, bad)) == "invalid_params"


@given(st.text(max_size=12))
def test_preparing_a_password_twice_changes_nothing_more(password: str) -> None:
    once = prepared(password)
    assert prepared(once) == once
    for form in ("NFC", "NFD"):
        assert prepared(unicodedata.normalize(form, once)) == once  # type: ignore[arg-type]
    assert spellings(once) == [once]
    if password.isascii():
        assert spellings(password) == [password], "most cost one hash"


def test_nobody_is_never_right() -> None:
    passwords = Passwords(workers=1)
    assert asyncio.run(passwords.verify(None, PASSWORD)) == 0
