"""What pages of other origins may do."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import ApiError
from api.site import Site
from tests.unit.api.http_kit import JSON_TYPE, TOKEN, Answer, FakeBackend, ask

THERE = b"https://app.example.net"
SITE = Site("c1", frozenset({"http://localhost:8000"}), frozenset({THERE.decode()}))
ASKS = (b"access-control-request-method", b"POST")
FROM = (b"origin", THERE)


def preflight(*headers: Any, path: str = "/api/users.me", site: Site = SITE) -> Answer:
    return ask(path, b"", *headers, verb="OPTIONS", site=site)


@pytest.mark.parametrize("path", ["/api/users.me", "/media/upload/7/0", "/media/file/g1/2"])
def test_a_page_that_is_allowed_is_told_so(path: str) -> None:
    answer = preflight(FROM, ASKS, path=path)
    assert (answer.status, answer.body) == (204, b"")
    told = answer.headers
    assert told[b"access-control-allow-origin"] == THERE
    assert b"authorization" in told[b"access-control-allow-headers"]
    assert b"content-type" in told[b"access-control-allow-headers"]
    assert {b"POST", b"PUT"} <= {*told[b"access-control-allow-methods"].split(b", ")}
    assert b"access-control-allow-credentials" not in told


@pytest.mark.parametrize(
    ("headers", "path", "site"),
    [
        ([(b"origin", b"https://evil.example"), ASKS], "/api/users.me", SITE),
        ([(b"origin", b"http://localhost:8000"), ASKS], "/api/users.me", SITE),
        ([(b"origin", b"null"), ASKS], "/api/users.me", SITE),
        ([ASKS], "/api/users.me", SITE),
        ([FROM], "/api/users.me", SITE),
        ([FROM, ASKS], "/api/users.me", Site("c1", frozenset({"http://localhost:8000"}))),
        ([FROM, ASKS], "/metrics", SITE),
    ],
    ids=["other", "own", "null", "no origin", "no preflight", "none allowed", "no api"],
)
def test_no_other_is(headers: list[Any], path: str, site: Site) -> None:
    answer = preflight(*headers, path=path, site=site)
    assert answer.status == 405
    assert b"access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize("error", [None, "flood", "internal"])
def test_answers_and_refusals_can_be_read_there(error: str | None) -> None:
    backend = FakeBackend()
    if error:
        backend.raising(ApiError(error, "", 1.0))
    for origin, allowed in ((THERE, THERE), (b"https://evil.example", None)):
        headers = (JSON_TYPE, TOKEN, (b"origin", origin))
        answer = ask("/api/users.me", b"{}", *headers, site=SITE, backend=backend)
        assert answer.headers.get(b"access-control-allow-origin") == allowed
        assert answer.headers[b"vary"] == b"Origin"
        assert b"access-control-allow-credentials" not in answer.headers
    assert backend.calls[-1][1] == "1.2.secret"


def test_the_cookie_counts_for_nothing_there() -> None:
    cookie = (b"cookie", b"heliograph-c1=1.2.secret")
    answer = ask("/api/users.me", b"{}", JSON_TYPE, cookie, FROM, site=SITE)
    answer.problem("origin_refused")
