"""The HTTP front without Ray and without sockets: the ASGI application on a backend that is told
what to answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import limits
from api import methods as m
from api.addresses import Callers
from api.errors import ERRORS, ApiError
from api.requests import Body, Message
from tests.unit.api.http_kit import JSON_TYPE, TOKEN, WAIT_S, Answer, FakeBackend, Server, ask, talk

SECRET = "the-inside-of-the-server"


# --- right calls --------------------------------------------------------------------------------


def test_a_call_reaches_the_backend_and_its_answer_the_caller() -> None:
    backend = FakeBackend()
    answer = ask("/api/users.get", b'{"user_ids":[7]}', JSON_TYPE, TOKEN, backend=backend)
    assert (answer.status, answer.body) == (200, b'{"ok":true}')
    assert answer.headers[b"content-type"] == b"application/json"
    assert answer.headers[b"cache-control"] == b"no-store"
    assert answer.headers[b"x-content-type-options"] == b"nosniff"
    assert backend.calls == [(m.GetUsers([7]), "1.2.secret", "192.0.2.7")]


@pytest.mark.parametrize("body", [b"", b"{}", b" {} "])
def test_parameters_that_all_have_defaults_may_be_left_out(body: bytes) -> None:
    headers = [JSON_TYPE, TOKEN] if body else [TOKEN]
    assert ask("/api/chats.dialogs", body, *headers).status == 200


@pytest.mark.parametrize(
    "value", [b"application/json; charset=utf-8", b"APPLICATION/JSON", b" application/json ;x"]
)
def test_the_content_type_may_carry_parameters(value: bytes) -> None:
    assert ask("/api/help.limits", b"{}", (b"Content-Type", value)).status == 200


def test_a_token_is_not_passed_on_where_none_is_needed() -> None:
    backend = FakeBackend()
    ask("/api/help.limits", b"{}", JSON_TYPE, TOKEN, backend=backend)
    assert backend.calls[0][1] == ""


def test_a_body_in_chunks_is_one_body() -> None:
    backend = FakeBackend()
    ask("/api/users.get", [b'{"user', b"", b'_ids":[7]}'], JSON_TYPE, TOKEN, backend=backend)
    assert backend.calls[0][0] == m.GetUsers([7])


# --- refusals -----------------------------------------------------------------------------------

OVER = limits.HTTP_BODY_BYTES_MAX + 1

REFUSED: dict[str, tuple[str, str, bytes | list[bytes], list[tuple[bytes, bytes]]]] = {
    "unknown method": ("unknown_method", "/api/users.nobody", b"{}", [JSON_TYPE, TOKEN]),
    "no method": ("unknown_method", "/api/", b"{}", [JSON_TYPE, TOKEN]),
    "live only": ("unknown_method", "/api/session.hello", b'{"token":"x"}', [JSON_TYPE]),
    "long name": ("unknown_method", "/api/" + "x" * 5_000, b"{}", [JSON_TYPE]),
    "odd name": ("unknown_method", '/api/"\\\x00\ud800', b"{}", [JSON_TYPE]),
    "no such page": ("not_found", "/nothing", b"", []),
    "odd page": ("not_found", "/\x00\x7f\U0001f600\ud800", b"", []),
    "no content type": ("unsupported_media_type", "/api/help.limits", b"{}", []),
    "form": (
        "unsupported_media_type",
        "/api/help.limits",
        b"a=b",
        [(b"content-type", b"application/x-www-form-urlencoded")],
    ),
    "almost json": (
        "unsupported_media_type",
        "/api/help.limits",
        b"{}",
        [(b"content-type", b"application/jsonp")],
    ),
    "declared too large": (
        "too_large",
        "/api/help.limits",
        b"{}",
        [JSON_TYPE, (b"content-length", b"%d" % OVER)],
    ),
    "too large": ("too_large", "/api/help.limits", b" " * OVER, [JSON_TYPE]),
    "too large in chunks": ("too_large", "/api/help.limits", [b" " * 4096] * 17, [JSON_TYPE]),
    "too large, declared small": (
        "too_large",
        "/api/help.limits",
        [b" " * OVER],
        [JSON_TYPE, (b"content-length", b"2")],
    ),
    "no token": ("unauthorized", "/api/users.me", b"{}", [JSON_TYPE]),
    "empty token": ("unauthorized", "/api/users.me", b"{}", [JSON_TYPE, (b"authorization", b"")]),
    "only a scheme": (
        "unauthorized",
        "/api/users.me",
        b"{}",
        [JSON_TYPE, (b"authorization", b"Bearer ")],
    ),
    "another scheme": (
        "unauthorized",
        "/api/users.me",
        b"{}",
        [JSON_TYPE, (b"authorization", b"Basic MS4yLnNlY3JldA==")],
    ),
    "not json": ("bad_request", "/api/users.me", b"{", [JSON_TYPE, TOKEN]),
    "two documents": ("bad_request", "/api/users.me", b"{}{}", [JSON_TYPE, TOKEN]),
    "not an object": ("invalid_params", "/api/users.me", b"[]", [JSON_TYPE, TOKEN]),
    "null": ("invalid_params", "/api/users.me", b"null", [JSON_TYPE, TOKEN]),
    "not utf-8": (
        "bad_request",
        "/api/users.resolve",
        b'{"username":"\xff\xfe"}',
        [JSON_TYPE, TOKEN],
    ),
    "half a surrogate": (
        "bad_request",
        "/api/users.resolve",
        b'{"username":"\\ud800"}',
        [JSON_TYPE, TOKEN],
    ),
    "deep": (
        "bad_request",
        "/api/users.get",
        b'{"user_ids":' + b"[" * 60_000,
        [JSON_TYPE, TOKEN],
    ),
    "unknown field": ("invalid_params", "/api/users.me", b'{"x":1}', [JSON_TYPE, TOKEN]),
    "long unknown field": (
        "invalid_params",
        "/api/users.me",
        b'{"' + b"x" * 50_000 + b'":1}',
        [JSON_TYPE, TOKEN],
    ),
    "missing field": ("invalid_params", "/api/users.get", b"{}", [JSON_TYPE, TOKEN]),
    "wrong type": ("invalid_params", "/api/users.get", b'{"user_ids":"7"}', [JSON_TYPE, TOKEN]),
    "float": ("invalid_params", "/api/users.get", b'{"user_ids":[1.5]}', [JSON_TYPE, TOKEN]),
    "bool": ("invalid_params", "/api/users.get", b'{"user_ids":[true]}', [JSON_TYPE, TOKEN]),
    "too small": ("invalid_params", "/api/users.get", b'{"user_ids":[0]}', [JSON_TYPE, TOKEN]),
    "huge": (
        "invalid_params",
        "/api/users.get",
        b'{"user_ids":[1' + b"0" * 5_000 + b"]}",
        [JSON_TYPE, TOKEN],
    ),
    "too many": (
        "invalid_params",
        "/api/users.get",
        msgspec.json.encode({"user_ids": [1] * (limits.USERS_PER_REQUEST_MAX + 1)}),
        [JSON_TYPE, TOKEN],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_and_never_reaches_the_backend(case: str) -> None:
    code, path, body, headers = REFUSED[case]
    backend = FakeBackend()
    answer = ask(path, body, *headers, backend=backend)
    answer.problem(code)
    assert not backend.calls
    assert answer.headers.get(b"www-authenticate") == (b"Bearer" if answer.status == 401 else None)
    assert len(answer.body) < 1_000, "a refusal does not echo what it refuses"


def test_the_largest_body_is_taken() -> None:
    body = b"{" + b" " * (limits.HTTP_BODY_BYTES_MAX - 2) + b"}"
    assert ask("/api/help.limits", body, JSON_TYPE).status == 200


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"])
def test_methods_are_called_by_post_only(verb: str) -> None:
    answer = ask("/api/users.me", b"", TOKEN, verb=verb)
    assert answer.status == 405
    assert answer.headers[b"allow"] == b"POST"
    assert answer.headers[b"content-type"] == b"application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/api/openapi.json", "/api/docs", "/api/docs/"]
)
def test_pages_are_read_only(path: str) -> None:
    shown, head = ask(path, verb="GET"), ask(path, verb="HEAD")
    assert (shown.status, head.status, head.body) == (200, 200, b"")
    assert shown.body
    assert int(head.headers[b"content-length"]) == len(shown.body)
    refused = ask(path, verb="POST")
    refused.problem("method_not_allowed")
    assert refused.headers[b"allow"] == b"GET, HEAD"


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_of_the_registry_is_answered_as_it_is_registered(code: str) -> None:
    backend = FakeBackend().raising(ApiError(code, "why", 2.5))
    answer = ask("/api/users.me", b"{}", JSON_TYPE, TOKEN, backend=backend)
    problem = answer.problem(code)
    assert (problem.detail, problem.retry_after) == ("why", 2.5)
    assert answer.headers[b"retry-after"] == b"3", "whoever heeds the header does not come too soon"
    assert (b"www-authenticate" in answer.headers) == (answer.status == 401)


@pytest.mark.parametrize(
    ("retry_after", "header"), [(None, None), (0.0, b"1"), (0.1, b"1"), (1.0, b"1"), (1.2, b"2")]
)
def test_retry_after(retry_after: float | None, header: bytes | None) -> None:
    backend = FakeBackend().raising(ApiError("overloaded", "", retry_after))
    answer = ask("/api/users.me", b"{}", JSON_TYPE, TOKEN, backend=backend)
    assert answer.problem("overloaded").retry_after == retry_after
    assert answer.headers.get(b"retry-after") == header


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), AssertionError(SECRET)])
def test_a_defect_is_logged_and_nothing_of_it_told(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        backend = FakeBackend().raising(error)
        answer = ask("/api/users.me", b"{}", JSON_TYPE, TOKEN, backend=backend)
    problem = answer.problem("internal")
    assert SECRET.encode() not in answer.body
    assert type(error).__name__.encode() not in answer.body
    trace = problem.detail.rpartition(" ")[2]
    assert any(trace in record.getMessage() and record.exc_info for record in caplog.records)


# --- time ---------------------------------------------------------------------------------------


def test_an_answer_that_does_not_come_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_ANSWER_S_MAX", 0.01)
    backend = FakeBackend()
    cancelled = []

    async def never() -> bytes:
        try:
            return await asyncio.Event().wait() and b""
        finally:
            cancelled.append(True)

    backend.act = never
    answer = ask("/api/users.me", b"{}", JSON_TYPE, TOKEN, backend=backend)
    assert answer.problem("unavailable").retry_after
    assert cancelled == [True]


def test_a_long_poll_has_its_timeout_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_ANSWER_S_MAX", 0.0)
    backend = FakeBackend()

    async def soon() -> bytes:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return b"{}"

    backend.act = soon
    poll = b'{"pts":0,"timeout_s":5}'
    assert ask("/api/updates.poll", poll, JSON_TYPE, TOKEN, backend=backend).status == 200
    ask("/api/users.me", b"{}", JSON_TYPE, TOKEN, backend=backend).problem("unavailable")


def test_a_body_that_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0.01)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    ask("/api/users.me", b"", JSON_TYPE, TOKEN, receive=never).problem("too_slow")


def test_a_client_that_goes_away_before_its_body_calls_nothing() -> None:
    backend = FakeBackend()
    coming = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def hear() -> Message:
        return next(coming)

    answer = ask("/api/users.me", b"", JSON_TYPE, TOKEN, backend=backend, receive=hear)
    answer.problem("bad_request")
    assert not backend.calls


@pytest.mark.parametrize("path", ["/api/updates.poll", "/api/updates.ack"])
def test_a_client_that_goes_away_ends_its_long_poll_and_no_other_call(path: str) -> None:
    async def run() -> None:
        backend = FakeBackend()
        called, let_go, went = asyncio.Event(), asyncio.Event(), asyncio.Event()
        ended: list[str] = []

        async def wait() -> bytes:
            called.set()
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                ended.append("given up")
                raise
            ended.append("done")
            return b"{}"

        backend.act = wait
        coming: list[Message] = [{"type": "http.request", "body": b'{"pts":0}'}]

        async def hear() -> Message:
            if coming:
                return coming.pop()
            await went.wait()
            return {"type": "http.disconnect"}

        server = await Server(backend).started()
        answering = asyncio.create_task(server.send(path, b"", JSON_TYPE, TOKEN, receive=hear))
        await asyncio.wait_for(called.wait(), WAIT_S)
        went.set()
        if path.endswith("poll"):
            (await asyncio.wait_for(answering, WAIT_S)).problem("bad_request")
            assert ended == ["given up"]
        else:
            await asyncio.sleep(0)
            let_go.set()
            assert (await asyncio.wait_for(answering, WAIT_S)).status == 200
            assert ended == ["done"]

    asyncio.run(run())


def test_a_long_poll_is_answered_while_the_client_is_there() -> None:
    poll = b'{"pts":0,"timeout_s":50}'
    assert ask("/api/updates.poll", poll, JSON_TYPE, TOKEN).status == 200
    backend = FakeBackend().raising(ApiError("unauthorized"))
    refused = ask("/api/updates.poll", poll, JSON_TYPE, TOKEN, backend=backend)
    refused.problem("unauthorized")


# --- health -------------------------------------------------------------------------------------


def test_ready_only_when_all_hosts_answer() -> None:
    backend = FakeBackend()
    assert ask("/readyz", verb="GET", backend=backend).status == 200
    backend.missing = ("host-1", "media-1")
    answer = ask("/readyz", verb="GET", backend=backend)
    assert (answer.status, answer.body) == (200, b"ready; missing: host-1, media-1\n")
    backend.is_ready = False
    answer = ask("/readyz", verb="GET", backend=backend)
    problem = answer.problem("unavailable")
    assert problem.retry_after
    assert "host-1, media-1" in problem.detail
    assert ask("/healthz", verb="GET", backend=backend).status == 200, "alive all the same"


def test_metrics_are_text_for_who_has_the_token() -> None:
    for wrong in ((), ((b"authorization", b"Bearer 1.2.other"),)):
        assert b"heliograph_x" not in ask("/metrics", b"", *wrong, verb="GET").body
        ask("/metrics", b"", *wrong, verb="GET").problem("unauthorized")
    ask("/metrics", b"", TOKEN, verb="POST").problem("method_not_allowed")
    answer = ask("/metrics", b"", TOKEN, verb="GET")
    assert answer.headers[b"content-type"].startswith(b"text/plain")
    assert b"heliograph_x 1.0" in answer.body


# --- live connections ---------------------------------------------------------------------------


def test_live_connections_have_one_address() -> None:
    async def run() -> None:
        backend = FakeBackend()
        server = await Server(backend).started()
        connect: Message = {"type": "websocket.connect"}
        scope: Message = {"type": "websocket", "path": "/other", "headers": []}
        said = await talk(server.app, scope, [connect])
        assert [message["type"] for message in said] == ["websocket.close"]
        assert backend.sockets == []
        await talk(server.app, {**scope, "path": "/ws"}, [connect])
        assert backend.sockets == [""]

    asyncio.run(run())


# --- who calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callers", "address"),
    [
        (Callers(), "192.0.2.7"),
        (Callers(1), "198.51.100.1"),
        (Callers(2), "10.9.9.9"),
        (Callers(1, "forwarded"), "203.0.113.0"),
    ],
)
def test_the_caller_is_whom_the_operators_proxies_name(callers: Callers, address: str) -> None:
    """Without a proxy, nothing that a request says is believed."""
    headers = (
        (b"x-forwarded-for", b"10.9.9.9"),
        (b"x-forwarded-for", b"198.51.100.1:4000"),
        (b"forwarded", b"for=10.9.9.9"),
        (b"forwarded", b'for="203.0.113.0:80";by=_edge'),
    )
    backend = FakeBackend()
    ask("/api/help.limits", b"{}", JSON_TYPE, *headers, backend=backend, callers=callers)
    assert backend.calls[0][2] == address


def test_an_address_has_so_many_requests_under_way_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_PER_ADDRESS_MAX", 2)

    async def run() -> None:
        backend, go = FakeBackend(), asyncio.Event()

        async def wait() -> bytes:
            await go.wait()
            return b"{}"

        backend.act = wait
        server = await Server(backend, Callers(1, exempt=("198.51.100.0/24",))).started()

        def from_(address: str) -> asyncio.Task[Answer]:
            told = (b"x-forwarded-for", address.encode())
            return asyncio.create_task(server.send("/api/help.limits", b"{}", JSON_TYPE, told))

        under_way = [from_("2001:db8::1"), from_("2001:db8::2"), from_("203.0.113.7")]
        under_way += [from_("198.51.100.1") for _ in range(3)]
        while len(backend.calls) < len(under_way):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
        (await from_("2001:db8::3")).problem("overloaded")
        go.set()
        assert [(await task).status for task in under_way] == [200] * len(under_way)
        assert (await from_("2001:db8::3")).status == 200

    asyncio.run(run())


def test_an_exempt_address_has_no_share_of_the_room_for_bodies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = limits.HTTP_BODY_BYTES_MAX
    monkeypatch.setattr(limits, "BODIES_IN_MEMORY_BYTES_PER_ADDRESS_MAX", 2 * most)
    monkeypatch.setattr(limits, "BODIES_IN_MEMORY_BYTES_MAX", 5 * most)

    async def run() -> None:
        callers = Callers(1, exempt=("198.51.100.0/24",))
        server = await Server(FakeBackend(), callers).started()
        stalled: list[asyncio.Event] = []

        def from_(address: str) -> asyncio.Task[Answer]:
            told = [(b"x-forwarded-for", address.encode()), (b"transfer-encoding", b"chunked")]
            go = asyncio.Event()
            stalled.append(go)

            async def receive() -> Message:
                await go.wait()
                return {"type": "http.request", "body": b"{}"}

            asked = server.send("/api/help.limits", b"", JSON_TYPE, *told, receive=receive)
            return asyncio.create_task(asked)

        async def refused(address: str) -> None:
            (await from_(address)).problem("overloaded")

        held = [from_("203.0.113.7") for _ in range(2)]
        await asyncio.sleep(0)
        await refused("203.0.113.7")
        held += [from_("198.51.100.1") for _ in range(3)]
        await asyncio.sleep(0)
        await refused("198.51.100.1")  # there is no more for anybody
        for go in stalled:
            go.set()
        assert [(await task).status for task in held] == [200] * 5

    asyncio.run(run())


def test_nothing_of_the_application_is_left_running() -> None:
    async def run() -> set[asyncio.Task[Any]]:
        server = await Server(FakeBackend()).started()
        with contextlib.suppress(AssertionError):
            await server.send("/api/updates.poll", b'{"pts":0}', JSON_TYPE, TOKEN)
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(run()) == set()


@given(st.lists(st.binary(max_size=9), min_size=1), st.lists(st.integers(1, 12), max_size=20))
def test_a_body_is_read_in_any_pieces(pieces: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(pieces)
    last = len(pieces) - 1
    coming = iter(
        {"type": "http.request", "body": piece, "more_body": index < last}
        for index, piece in enumerate(pieces)
    )

    async def hear() -> Message:
        return next(coming)

    async def read() -> None:
        body = Body({}, hear, len(whole))
        at = 0
        for size in [*sizes, len(whole) + 1, 1]:
            assert await body.read(size) == whole[at : at + size]
            at += size

    asyncio.run(read())
