"""Fronts behind their own entrance."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.protocols.http import auto as http_auto
from uvicorn.protocols.websockets import auto

from fronts import guard
from fronts.bounded import BoundedWebSocket
from fronts.guard import CLIENT_HEADER, FRONT_HEADER, Guard, Message
from fronts.secrets import TOKEN_VARIABLE, front_secret, metrics_token

SECRET = b"secret"
PROOF = (FRONT_HEADER, SECRET)
CALLER = (CLIENT_HEADER, b"2001:db8::7")
OTHER = (b"x-other", b"kept")


def ask(kind: str, path: str, *headers: tuple[bytes, bytes]) -> tuple[list[Message], list[Message]]:
    """What the application behind the guard was asked, and what the client was told."""
    asked: list[Message] = []
    told: list[Message] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        asked.append(scope)

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        told.append(message)

    scope: Message = {"type": kind, "path": path, "headers": headers, "client": ("127.0.0.1", 9)}
    asyncio.run(Guard(app, SECRET.decode())(scope, receive, send))
    return asked, told


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_who_calls_is_whom_the_entrance_names(kind: str) -> None:
    [asked], told = ask(kind, "/api/help.limits", OTHER, CALLER, PROOF)
    assert asked["client"] == ("2001:db8::7", 0)
    assert asked["headers"] == [OTHER], "nobody sees the secret"
    assert told == []


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", ["/api/help.limits", "/ws", "/metrics", "/-/routes", "/healthz"])
@pytest.mark.parametrize(
    "headers",
    [(), (CALLER,), (CALLER, (FRONT_HEADER, b"guessed")), (PROOF, PROOF), ((FRONT_HEADER, b""),)],
)
def test_nobody_else_is_answered(
    kind: str, path: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    asked, told = ask(kind, path, *headers)
    assert asked == []
    if kind == "http":
        assert told[0]["status"] == 403
    else:
        assert [message["type"] for message in told] == ["websocket.close"]


def test_haproxy_may_ask_whether_the_process_lives() -> None:
    [asked], _ = ask("http", "/-/healthz", CALLER)
    assert asked["client"] == ("127.0.0.1", 9)


def test_serve_is_given_the_guard_and_the_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(auto, "AutoWebSocketsProtocol", auto.AutoWebSocketsProtocol)
    monkeypatch.setattr(http_auto, "AutoHTTPProtocol", http_auto.AutoHTTPProtocol)
    (tmp_path / "token").write_text("of this cluster\n")
    monkeypatch.setenv(TOKEN_VARIABLE, str(tmp_path / "token"))
    (made,) = guard.middleware()
    assert (made.cls, made.kwargs) == (Guard, {"secret": front_secret("of this cluster")})
    assert auto.AutoWebSocketsProtocol is BoundedWebSocket


def test_each_secret_is_for_one_thing_and_one_cluster() -> None:
    made = {derive(token) for derive in (front_secret, metrics_token) for token in ("a", "b")}
    assert len(made) == 4
    assert all(len(secret) == 64 for secret in made)
