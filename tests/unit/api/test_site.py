"""Which requests the login of a browser counts for."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from api import types as t
from api.errors import ApiError
from api.frames import encode
from api.requests import headers_of
from api.site import SECURE_NAME, Shown, Site, kept_as, origin_of
from fronts.counted import bytes_of

PAGE, OTHER, EVIL = "https://chat.example.org", "https://app.example.net", "https://evil.example"
LAN = "http://192.168.1.5:8000"
SITE = Site("c1", frozenset({PAGE}), frozenset({OTHER}))
HOME = Site("c1", frozenset({LAN, "http://localhost:8000"}))
LOGIN = "5.6.secret"


def told(**headers: str) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}


def secure(**headers: str) -> dict[bytes, bytes]:
    return told(cookie=f"other=1; {SECURE_NAME}={LOGIN}", **headers)


def plain(**headers: str) -> dict[bytes, bytes]:
    return told(cookie=f"heliograph-c1={LOGIN}", **headers)


def refusal(shown: Shown) -> str:
    with pytest.raises(ApiError) as caught:
        shown.needed()
    return caught.value.code


ANSWERED = "answered"
COUNTS: list[tuple[str, str | None, str | None, str]] = [
    # verb, Origin, Sec-Fetch-Site, what becomes of it
    ("POST", PAGE, "same-origin", ANSWERED),
    ("POST", PAGE, None, ANSWERED),
    ("POST", None, "same-origin", ANSWERED),
    ("POST", None, None, "origin_refused"),
    ("POST", PAGE, "same-site", "origin_refused"),
    ("POST", PAGE, "cross-site", "origin_refused"),
    ("POST", None, "none", "origin_refused"),
    ("POST", EVIL, None, "origin_refused"),
    ("POST", EVIL, "same-origin", "origin_refused"),
    ("POST", "null", None, "origin_refused"),
    ("POST", "null", "same-origin", "origin_refused"),
    ("POST", OTHER, "cross-site", "origin_refused"),
    ("POST", "http://chat.example.org", None, "origin_refused"),
    ("POST", f"{PAGE}:8443", None, "origin_refused"),
    ("POST", f"{PAGE}.evil.example", None, "origin_refused"),
    ("POST", f"{PAGE}, {EVIL}", None, "origin_refused"),
    ("PUT", PAGE, "same-origin", ANSWERED),
    ("PUT", None, None, "origin_refused"),
    ("GET", None, None, ANSWERED),
    ("HEAD", None, None, ANSWERED),
    ("GET", None, "same-origin", ANSWERED),
    ("GET", None, "none", ANSWERED),
    ("GET", None, "same-site", "origin_refused"),
    ("GET", None, "cross-site", "origin_refused"),
    ("GET", EVIL, None, "origin_refused"),
    ("GET", EVIL, "none", "origin_refused"),
]


@pytest.mark.parametrize(("verb", "origin", "fetch_site", "becomes"), COUNTS)
def test_the_cookie_counts_in_what_an_own_page_asks(
    verb: str, origin: str | None, fetch_site: str | None, becomes: str
) -> None:
    headers = secure()
    if origin is not None:
        headers[b"origin"] = origin.encode()
    if fetch_site is not None:
        headers[b"sec-fetch-site"] = fetch_site.encode()
    shown = SITE.shown(headers, verb)
    if becomes == ANSWERED:
        assert shown.needed() == LOGIN
    else:
        assert refusal(shown) == becomes
        assert not shown.ended("/api/auth.logout"), "a stranger ends nobody's login"
    bearer = SITE.shown({**headers, b"authorization": b"Bearer 1.2.x"}, verb)
    assert bearer == Shown("1.2.x"), "a program is asked for nothing else"


@given(st.text(), st.sampled_from(["POST", "PUT", "DELETE", "PATCH", "get", ""]), st.text())
def test_no_other_origin_changes_anything(origin: str, verb: str, fetch_site: str) -> None:
    if origin == PAGE:
        return
    headers = secure(sec_fetch_site="same-origin") | {
        b"origin": origin.encode("utf-8", "replace") or b"x"
    }
    assert refusal(SITE.shown(headers, verb)) == "origin_refused"
    headers = secure(origin=PAGE) | {b"sec-fetch-site": fetch_site.encode("utf-8", "replace")}
    if fetch_site != "same-origin":
        assert refusal(SITE.shown(headers, verb)) == "origin_refused"


@pytest.mark.parametrize(
    ("origin", "site", "detail"),
    [
        ("http://chat.lan:8000", SITE, "start it with --origin http://chat.lan:8000"),
        ("https://x.example/<b>", SITE, "start it with --origin ORIGIN"),
        ("", SITE, "programs send a bearer token"),
        (OTHER, SITE, "without `cookie`"),
        (PAGE, SITE, "another page"),
    ],
)
def test_a_refusal_says_what_to_do(origin: str, site: Site, detail: str) -> None:
    headers = told(origin=origin, sec_fetch_site="same-site")
    with pytest.raises(ApiError) as caught:
        site.cookie_for(headers)
    assert caught.value.code == "origin_refused"
    assert detail in caught.value.detail


LIVE: list[tuple[str, str | None]] = [
    # Origin, the token that the handshake shows; None: it is refused
    ("", ""),
    (PAGE, LOGIN),
    (OTHER, ""),
    (EVIL, None),
    ("null", None),
    ("http://chat.example.org", None),
    (f"{PAGE}.evil.example", None),
    (PAGE.upper(), None),
]


@pytest.mark.parametrize(("origin", "token"), LIVE)
def test_a_handshake_is_of_an_own_page_a_program_or_a_page_that_is_allowed(
    origin: str, token: str | None
) -> None:
    shown = SITE.live(secure(origin=origin) if origin else secure())
    assert (None if shown is None else shown.token) == token


def test_two_servers_of_one_machine_do_not_log_each_other_out() -> None:
    """Cookies know no ports."""
    one, two = (
        Site(name, frozenset({f"http://localhost:{port}"}))
        for name, port in (("c1", 8000), ("c2", 9000))
    )
    first = one.cookie_for(told(origin="http://localhost:8000"))
    second = two.cookie_for(told(origin="http://localhost:9000"))
    assert first != second
    jar = f"{first}=1.1.a; {second}=2.2.b"
    assert one.shown(told(cookie=jar, origin="http://localhost:8000"), "POST").token == "1.1.a"
    ended = two.shown(told(cookie=jar, origin="http://localhost:9000"), "POST").ended(
        "/api/users.me"
    )
    assert [value.partition(b"=")[0] for _, value in ended] == [second.encode()]


def test_the_cookie_is_for_browsers_alone_and_under_tls_for_tls_alone() -> None:
    login = encode(t.Authorization(6, t.User(5, "alice", "Alice"), LOGIN))
    for site, page, name in ((SITE, PAGE, SECURE_NAME), (HOME, LAN, "heliograph-c1")):
        answer, [(header, value)] = kept_as(site.cookie_for(told(origin=page)), login)
        assert header == b"set-cookie"
        assert b"secret" not in answer
        morsel = SimpleCookie(value.decode())[name]
        assert morsel.value == LOGIN
        assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", "/")
        assert bool(morsel["secure"]) == (name == SECURE_NAME)
        assert int(morsel["max-age"]) == 400 * 24 * 3600
        assert not morsel["domain"]


def test_a_cookie_without_tls_does_not_count_where_there_is_tls() -> None:
    """Somebody on the way could have put it there."""
    assert not SITE.shown(plain(origin=PAGE), "POST").token
    both = Site("c1", frozenset({PAGE, LAN}))
    assert not both.shown(plain(origin=PAGE), "POST").token
    assert both.shown(plain(origin=LAN), "POST").token == LOGIN
    assert not both.shown(secure(origin=LAN), "POST").token
    assert both.shown(plain(), "GET").token == LOGIN, "a picture says not where it is shown"
    assert both.shown(secure(), "GET").token == LOGIN


@pytest.mark.parametrize(
    "cookie",
    [
        *("", "a", ";;=;", "heliograph-c2=1.2.x", "heliograph-c1=", "xheliograph-c1=1.2.x"),
        *("a=b,heliograph-c1=1.2.x", "a=b, heliograph-c1=1.2.x"),
    ],
)
def test_what_is_no_cookie_of_this_server_is_none(cookie: str) -> None:
    shown = HOME.shown(told(cookie=cookie, origin=EVIL), "POST")
    assert shown == Shown()
    assert refusal(shown) == "unauthorized"


@pytest.mark.parametrize(
    "before", [b"a=b,", b"a=b, ", b"\xa0", b"\x85", b"\x0b", b"\x1f", b"=", b"$"]
)
def test_nobody_else_sets_a_cookie_that_looks_like_the_one_of_this_host(before: bytes) -> None:
    """Browsers let no other host set this name, but every name and value around it: of another
    name of the same domain, or without TLS."""
    jar = before + SECURE_NAME.encode() + b"=6.6.evil"
    assert not SITE.shown({b"cookie": jar, b"origin": PAGE.encode()}, "POST").token
    jar += f"; {SECURE_NAME}={LOGIN}".encode()
    assert SITE.shown({b"cookie": jar, b"origin": PAGE.encode()}, "POST").token == LOGIN


def test_cookies_in_several_headers_are_one_jar() -> None:
    """As HTTP/2 has them, and some proxies pass them on."""
    one, two = (b"Cookie", b"a=b"), (b"cookie", f"{SECURE_NAME}={LOGIN}".encode())
    headers = headers_of({"headers": [one, (b"accept", b"a"), two, (b"accept", b"b")]})
    assert SITE.shown(headers, "GET").token == LOGIN
    assert headers[b"accept"] == b"a, b"
    listed = CIMultiDict([("Cookie", "a=b"), ("cookie", f"{SECURE_NAME}={LOGIN}")])
    assert bytes_of(listed)[b"cookie"] == headers[b"cookie"]


def test_a_name_and_password_for_a_proxy_are_no_token() -> None:
    """A browser sends them by itself."""
    basic = secure(authorization="Basic YWxpY2U6eA==")
    assert SITE.shown({**basic, b"origin": PAGE.encode()}, "POST").token == LOGIN
    assert refusal(SITE.shown({**basic, b"origin": EVIL.encode()}, "POST")) == "origin_refused"


def test_of_two_cookies_of_one_name_the_first_counts() -> None:
    jar = f"heliograph-c1={LOGIN}; heliograph-c1=7.7.other"
    assert HOME.shown(told(cookie=jar), "GET").token == LOGIN


def test_only_logging_out_clears_what_the_browser_keeps() -> None:
    shown = HOME.shown(plain(origin=LAN), "POST")
    (name, value), (clears, what) = shown.ended("/api/auth.logout")
    assert (name, clears, what) == (b"set-cookie", b"clear-site-data", b'"cache", "storage"')
    assert value.startswith(b"heliograph-c1=; Path=/; Max-Age=0; HttpOnly")
    assert shown.ended("/api/users.me") == [(name, value)]
    assert not shown.ended("/media/file/g1/5"), "what was asked before a new login ends it not"
    assert not Shown("1.2.x").ended("/api/auth.logout"), "a program keeps its token itself"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://chat.example.org", "https://chat.example.org"),
        ("https://Chat.Example.org:443", "https://chat.example.org"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://x:8080/path", "http://x:8080"),
        ("http://[2001:DB8:0::1]:81", "http://[2001:db8::1]:81"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://chat.example.org.", "https://chat.example.org"),
    ],
)
def test_origins_are_as_browsers_write_them(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("chat.example.org", "chat.example.org"),
        ("CHAT.example.org", "chat.example.org"),
        ("evil.example", ""),
        ("", ""),
        ("chat.example.org:8000", ""),
    ],
)
def test_a_host_is_one_of_this_server(host: str, found: str) -> None:
    assert SITE.host(told(host=host)) == found
