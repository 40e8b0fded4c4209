"""Accounts on a real server: invitations, wrong passwords, many logins at once."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import httpx2
import pytest

import heliograph
from actors.throttle.turns import FREE_PER_ACCOUNT
from api import limits
from tests.integration.running import RunningServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

OPTIONS = ("--host", "127.0.0.2", "--registration", "invitation", "--proxies", "1")
"""It wants invitations, believes one proxy, which the tests are, and has an address of its own."""

PASSWORD = "correct horse battery"
GUESSES_MAX = FREE_PER_ACCOUNT + 8
"""After so many wrong passwords one has to wait for minutes."""
CROWD = 6 * limits.PASSWORD_HASHES_QUEUED_MAX


@pytest.fixture
def username(server: RunningServer) -> str:
    """Somebody who has registered."""
    name = f"u{secrets.token_hex(6)}"
    assert register(server, name, invite(server)).status_code == 200
    return name


def call(
    server: RunningServer, method: str, address: str = "192.0.2.1", **params: Any
) -> httpx2.Response:
    return httpx2.post(
        f"{server.url}/api/{method}",
        json=params,
        headers={"X-Forwarded-For": address},
        timeout=60,
        trust_env=False,
    )


def invite(server: RunningServer, uses: int = 1) -> str:
    done = server.run("admin", "invite", "--uses", str(uses), "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def register(server: RunningServer, username: str, invitation: str = "") -> httpx2.Response:
    params = {"username": username, "password": PASSWORD, "name": "U"}
    return call(server, "auth.register", **params, invitation=invitation)


def login(
    server: RunningServer, username: str, password: str, address: str = "192.0.2.1"
) -> httpx2.Response:
    return call(server, "auth.login", address, username=username, password=password)


def test_who_registers_needs_an_invitation_that_is_left(server: RunningServer) -> None:
    code = invite(server, uses=2)
    for invitation in ("", "no such code"):
        refused = register(server, f"u{secrets.token_hex(6)}", invitation)
        assert refused.json()["code"] == "invitation_invalid"
    names = [f"u{secrets.token_hex(6)}" for _ in range(3)]
    codes = [register(server, name, code).status_code for name in names]
    assert codes == [200, 200, 403]
    listed = server.run("admin", "users", "--data", str(server.data))
    assert [name in listed.stdout for name in names] == [True, True, False]


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(
    server: RunningServer, username: str
) -> None:
    answers = [
        login(server, username, "a wrong password", "192.0.2.10"),
        login(server, f"u{secrets.token_hex(6)}", "a wrong password", "192.0.2.10"),
    ]
    assert answers[0].status_code == 401
    assert answers[0].content == answers[1].content
    volatile = {"date", "x-request-id"}
    headers = [{k: v for k, v in a.headers.items() if k not in volatile} for a in answers]
    assert headers[0] == headers[1]


def test_who_guesses_waits_and_nobody_else_does(server: RunningServer, username: str) -> None:
    guesses: list[httpx2.Response] = []
    while not guesses or guesses[-1].status_code == 401:  # on a slow machine waits have passed
        assert len(guesses) < GUESSES_MAX
        guesses.append(login(server, username, f"guess {len(guesses)}", "192.0.2.20"))
    assert len(guesses) > FREE_PER_ACCOUNT
    assert guesses[-1].status_code == 429
    assert guesses[-1].json()["code"] == "flood"
    assert guesses[-1].json()["retry_after"] > 0
    assert int(guesses[-1].headers["retry-after"]) >= 1
    assert waits(server, username, "192.0.2.20"), "not even the right one, from there"
    assert login(server, username, PASSWORD, "192.0.2.21").status_code == 200
    assert waits(server, username, "192.0.2.22, 192.0.2.20"), "what the guesser claims is believed"


def waits(server: RunningServer, username: str, address: str) -> bool:
    """Whether the right password is refused there while the guesser has to wait."""
    while True:
        begun_s = time.monotonic()
        guess = login(server, username, "one more guess", "192.0.2.20")
        right = login(server, username, PASSWORD, address)
        if guess.status_code == 429 and time.monotonic() - begun_s < guess.json()["retry_after"]:
            return right.status_code == 429


def test_too_many_logins_at_once_are_refused_and_messages_go_on(
    server: RunningServer, username: str
) -> None:
    async def test(crowd: httpx2.AsyncClient) -> None:
        async def guess(number: int) -> httpx2.Response:
            params = {"username": f"nobody_{number}", "password": "wrong"}
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            return await crowd.post("/api/auth.login", json=params, headers=headers)

        async with heliograph.Client(server.url) as client:
            await client.login(username, PASSWORD)
            await client.connected()
            notes = await client.open_private(client.user_id)
            guesses = asyncio.gather(*(guess(number) for number in range(CROWD)))
            sent = 0
            while not guesses.done():
                await client.send(notes.id, f"meanwhile {sent}")
                sent += 1
            answers = [answer.json() for answer in await guesses]
        assert {answer["code"] for answer in answers} == {"wrong_credentials", "overloaded"}
        assert all(a["retry_after"] > 0 for a in answers if a["code"] == "overloaded")
        assert sent > 0

    async def run() -> None:
        bounds = httpx2.Limits(max_connections=CROWD)
        async with httpx2.AsyncClient(
            base_url=server.url, timeout=60, trust_env=False, limits=bounds
        ) as crowd:
            await test(crowd)

    asyncio.run(run())


def test_a_reset_password_ends_all_sessions(server: RunningServer, username: str) -> None:
    async def test() -> None:
        async with heliograph.Client(server.url) as client:
            await client.login(username, PASSWORD)
            await client.connected()
            await asyncio.to_thread(reset)
            with pytest.raises(heliograph.SessionEnded):
                async for _ in client.updates():
                    pass

    def reset() -> None:
        command = ["admin", "reset-password", username, "--data", str(server.data)]
        done = server.run(*command, stdin="another password\n")
        assert done.returncode == 0, done.stderr

    asyncio.run(test())
    assert login(server, username, PASSWORD, "192.0.2.30").status_code == 401
    assert login(server, username, "another password", "192.0.2.31").status_code == 200
