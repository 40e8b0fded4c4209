"""Logging in by a cookie, through the HTTP front."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from api import methods as m
from api import types as t
from api.errors import ApiError
from api.frames import encode
from api.requests import Message
from api.site import Site
from tests.unit.api.http_kit import JSON_TYPE, TOKEN, Answer, FakeBackend, Server, ask, talk

PAGE = "http://localhost:8000"
SITE = Site("c1", frozenset({PAGE}), frozenset({"https://app.example.net"}))
OWN = (b"origin", PAGE.encode())
COOKIE = (b"cookie", b"heliograph-c1=1.2.secret")
ME = t.User(1, "alice", "Alice")
LOGIN = b'{"username":"alice","password":"a long password","cookie":true}'
REGISTER = b'{"username":"alice","password":"a long password","name":"Alice","cookie":true}'


class Accounts(FakeBackend):
    """Logs in whoever asks."""

    async def succeed(self) -> bytes:
        return encode(t.Authorization(2, ME, "1.2.secret"))


def call(path: str, body: bytes, *headers: Any, **options: Any) -> Answer:
    return ask(path, body, JSON_TYPE, *headers, site=SITE, **options)


@pytest.mark.parametrize(
    ("path", "body"), [("/api/auth.login", LOGIN), ("/api/auth.register", REGISTER)]
)
def test_the_token_is_in_the_cookie_and_nowhere_else(path: str, body: bytes) -> None:
    answer = call(path, body, OWN, backend=Accounts())
    assert answer.status == 200
    assert b"secret" not in answer.body
    login = msgspec.json.decode(answer.body, type=t.Authorization)
    assert login == t.Authorization(2, ME)
    assert answer.headers[b"set-cookie"].startswith(b"heliograph-c1=1.2.secret; Path=/; Max-Age=")
    without = call(path, body.replace(b',"cookie":true', b""), OWN, backend=Accounts())
    assert msgspec.json.decode(without.body, type=t.Authorization).token == "1.2.secret"
    assert b"set-cookie" not in without.headers


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"origin", b"http://localhost:9000")],
        [(b"origin", b"https://app.example.net")],
        [(b"origin", b"null")],
        [(b"sec-fetch-site", b"same-origin")],
        [OWN, (b"sec-fetch-site", b"same-site")],
        [(b"host", b"evil.example:8000"), (b"origin", b"http://evil.example:8000")],
    ],
    ids=["program", "other port", "allowed", "null", "no origin", "same site", "rebound"],
)
def test_only_an_own_page_gets_a_cookie_and_nothing_is_done_for_others(headers: list[Any]) -> None:
    backend = Accounts()
    for path, body in (("/api/auth.login", LOGIN), ("/api/auth.register", REGISTER)):
        answer = call(path, body, *headers, backend=backend)
        answer.problem("origin_refused")
        assert b"set-cookie" not in answer.headers
    assert not backend.calls


def test_the_cookie_stands_for_the_token() -> None:
    backend = FakeBackend()
    assert call("/api/users.me", b"{}", OWN, COOKIE, backend=backend).status == 200
    change = b'{"old_password":"a long password","new_password":"another password"}'
    assert call("/api/auth.change_password", change, OWN, COOKIE, backend=backend).status == 200
    assert [token for _, token, _ in backend.calls] == ["1.2.secret", "1.2.secret"]
    call("/api/users.me", b"{}", COOKIE, backend=backend).problem("origin_refused")
    assert call("/api/help.config", b"{}", COOKIE, backend=backend).status == 200
    assert backend.calls[-1][1] == "", "who needs no login is asked for none"


def test_who_asks_who_they_are_stays_logged_in() -> None:
    """Browsers keep no cookie for more than 400 days after it was set."""
    elsewhere = (b"sec-fetch-site", b"same-site")
    answer = call("/api/users.me", b"{}", OWN, COOKIE)
    assert answer.headers[b"set-cookie"].startswith(
        b"heliograph-c1=1.2.secret; Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict"
    )
    assert b"set-cookie" not in call("/api/users.me", b"{}", OWN, TOKEN).headers
    assert b"set-cookie" not in call("/api/users.me", b"{}", OWN, COOKIE, TOKEN).headers
    refused = call("/api/users.me", b"{}", OWN, COOKIE, elsewhere)
    refused.problem("origin_refused")
    assert b"set-cookie" not in refused.headers


@pytest.mark.parametrize("path", ["/api/help.config", "/api/contacts.list"])
def test_what_may_be_under_way_with_an_earlier_login_puts_none_back(path: str) -> None:
    assert b"set-cookie" not in call(path, b"{}", OWN, COOKIE).headers


def test_a_login_that_is_over_is_forgotten() -> None:
    backend = FakeBackend().raising(ApiError("unauthorized"))
    answer = call("/api/users.me", b"{}", OWN, COOKIE, backend=backend)
    answer.problem("unauthorized")
    assert answer.headers[b"set-cookie"].startswith(b"heliograph-c1=; Path=/; Max-Age=0")
    assert b"clear-site-data" not in answer.headers, "it may be a race with a new login"
    assert b"set-cookie" not in call("/api/users.me", b"{}", OWN, TOKEN, backend=backend).headers
    forbidden = FakeBackend().raising(ApiError("forbidden"))
    assert b"set-cookie" not in call("/api/users.me", b"{}", OWN, COOKIE, backend=forbidden).headers


@pytest.mark.parametrize("backend", [None, FakeBackend().raising(ApiError("unauthorized"))])
def test_logging_out_forgets_everything(backend: FakeBackend | None) -> None:
    answer = call("/api/auth.logout", b"{}", OWN, COOKIE, backend=backend)
    assert answer.status == (401 if backend else 200)
    assert answer.headers[b"set-cookie"].startswith(b"heliograph-c1=; Path=/; Max-Age=0")
    assert answer.headers[b"clear-site-data"] == b'"cache", "storage"'
    by_token = call("/api/auth.logout", b"{}", TOKEN)
    assert not {b"set-cookie", b"clear-site-data"} & by_token.headers.keys()


def test_files_come_by_the_cookie() -> None:
    backend = FakeBackend()
    path = "/media/file/g1/5"
    assert ask(path, b"", COOKIE, verb="GET", site=SITE, backend=backend).status == 200
    assert backend.files == ["1.2.secret"]
    elsewhere = (b"sec-fetch-site", b"same-site")
    refused = ask(path, b"", COOKIE, elsewhere, verb="GET", site=SITE, backend=backend)
    refused.problem("origin_refused")
    assert refused.headers[b"cache-control"] == b"no-store"
    ask(path, b"", verb="GET", site=SITE, backend=backend).problem("unauthorized")
    backend.raising(ApiError("unauthorized"))


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/media/file/g1/5"),
        ("POST", "/media/upload"),
        ("POST", "/api/auth.change_password"),
    ],
)
def test_what_waited_in_the_browser_while_somebody_logged_in_does_not_end_that(
    verb: str, path: str
) -> None:
    """A browser asks for six files at once. The others have the cookie of when they were wanted:
    they may be refused when there is a new one, which has the same name."""
    backend = FakeBackend().raising(ApiError("unauthorized"))
    change = b'{"old_password":"a long password","new_password":"another password"}'
    headers = (JSON_TYPE, OWN, COOKIE)
    answer = ask(path, change, *headers, verb=verb, site=SITE, backend=backend)
    answer.problem("unauthorized")
    assert b"set-cookie" not in answer.headers


def test_the_operators_token_is_no_cookie() -> None:
    answer = ask("/metrics", b"", COOKIE, verb="GET", site=SITE)
    answer.problem("unauthorized")
    assert b"set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        (None, [""]),
        (PAGE.encode(), ["1.2.secret"]),
        (b"https://app.example.net", [""]),
        (b"http://localhost:9000", []),
        (b"null", []),
    ],
)
def test_a_handshake_shows_the_cookie_of_an_own_page(
    origin: bytes | None, shown: list[str]
) -> None:
    async def run() -> None:
        backend = FakeBackend()
        server = await Server(backend, site=SITE).started()
        headers = [COOKIE, *([(b"origin", origin)] if origin is not None else [])]
        scope: Message = {"type": "websocket", "path": "/ws", "headers": headers}
        said = await talk(server.app, scope, [{"type": "websocket.connect"}])
        assert backend.sockets == shown
        assert [message["type"] for message in said] == ([] if shown else ["websocket.close"])

    asyncio.run(run())


def test_a_program_is_asked_for_no_origin() -> None:
    backend = FakeBackend()
    elsewhere = (b"origin", b"http://localhost:9000")
    assert call("/api/users.me", b"{}", TOKEN, elsewhere, backend=backend).status == 200
    assert backend.calls == [(m.GetMe(), "1.2.secret", "192.0.2.7")]
