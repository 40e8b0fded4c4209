"""The authentication service on a gateway that is told what actors answer."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
import pytest

from actors import messages as i
from actors.auth import AuthService, Passwords
from actors.runtime import refs
from actors.runtime.refs import NOBODY, ActorRef
from api import methods as m
from api import types as t
from api.errors import ApiError

PASSWORD = "correct horse"


class FakeGateway:
    """One account, `alice`; everything that is asked is remembered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.hash = ""
        self.wait_s = 0.0

    async def expect_answer_from(self, ref: ActorRef) -> None:
        self.asked.append((ref.kind, "expected"))

    async def ask(self, ref: ActorRef, message: Any, *_: Any, **__: Any) -> bytes:
        self.asked.append((ref.kind, type(message).__name__))
        return msgspec.json.encode(self.answer(ref, message))

    def answer(self, ref: ActorRef, message: Any) -> Any:
        if isinstance(message, i.Admit):
            return i.Verdict(self.wait_s)
        if isinstance(message, i.LookUp):
            return i.Holder(7 if ref == refs.username("alice") else 0)
        if isinstance(message, i.GetCredentials):
            if ref.key != 7:
                raise ApiError("user_not_found")
            return i.Credentials(7, self.hash)
        if isinstance(message, i.NewLogin):
            return t.Authorization("", message.session_id, t.User(7, "alice", "Alice"))
        if isinstance(message, i.UseInvitation):
            new = message.account
            return t.Authorization("", new.session_id, t.User(new.user_id, new.username, new.name))
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
    assert ("throttle", "TryFailed") not in gateway.asked


def test_who_has_to_wait_is_told_how_long_and_costs_no_hash() -> None:
    auth, gateway = service()
    gateway.wait_s = 12.5
    with pytest.raises(ApiError) as caught:
        asyncio.run(auth.call(m.Login("alice", PASSWORD), NOBODY, "192.0.2.7"))
    assert (caught.value.code, caught.value.retry_after) == ("flood", 12.5)
    assert auth.passwords.hashed == 0


def test_a_full_pool_refuses_at_once_and_recovers() -> None:
    passwords = Passwords(workers=1, queued_max=2)

    async def run() -> list[Any]:
        many = [passwords.hash(PASSWORD) for _ in range(5)]
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


def test_nobody_is_never_right() -> None:
    passwords = Passwords(workers=1)
    assert asyncio.run(passwords.verify(None, PASSWORD)) is False
