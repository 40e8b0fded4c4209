"""The files of the web client, as browsers and proxies ask for them."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from api import types as t
from api.site import Site
from fronts.pages import ENCODINGS, Pages, chosen, read
from tests.unit.fronts.kit import CONFIG

SITE = Site("c1", frozenset({"http://localhost:8000", "http://[::1]:8000"}))
SCRIPT = b"console.log('the client')\n" * 20
NAVIGATION = {b"sec-fetch-mode": b"navigate"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What Vite builds."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_bytes(b"<!doctype html><title>Heliograph</title>")
    (dist / "sw.js").write_bytes(b"self.skipWaiting()")
    (dist / "manifest.webmanifest").write_bytes(b"{}")
    (dist / "icon.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    (dist / "notes.gz").write_bytes(b"what is called so and is no copy of another")
    for name in ("index-1a2b.js", "worker-3c4d.js"):
        (dist / "assets" / name).write_bytes(SCRIPT)
        (dist / "assets" / f"{name}.br").write_bytes(b"by brotli")
        (dist / "assets" / f"{name}.zst").write_bytes(b"by zstd")
        (dist / "assets" / f"{name}.gz").write_bytes(gzip.compress(SCRIPT))
    return dist


@pytest.fixture
def pages(folder: Path) -> Pages:
    return Pages(read(folder), CONFIG, SITE)


def get(
    pages: Pages, path: str, headers: dict[bytes, bytes] | None = None, verb: str = "GET"
) -> tuple[int, dict[bytes, bytes], bytes]:
    reply = pages.answer(verb, path, headers or {})
    assert reply is not None, path
    status, media_type, body, told = reply
    assert len({name for name, _ in told}) == len(told)
    return status, {b"content-type": media_type, **dict(told)}, body


def policy(headers: dict[bytes, bytes]) -> dict[str, str]:
    text = headers[b"content-security-policy"].decode()
    return {name: rest for name, _, rest in (part.partition(" ") for part in text.split("; "))}


# --- what is where ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/c/g123", "/c/p1-2", "/settings", "/settings/sessions"])
@pytest.mark.parametrize("headers", [NAVIGATION, {b"accept": b"text/html,application/xml;q=0.9"}])
def test_a_navigation_gets_the_page(pages: Pages, path: str, headers: dict[bytes, bytes]) -> None:
    status, told, body = get(pages, path, headers)
    assert (status, told[b"cache-control"]) == (200, b"no-cache")
    assert told[b"content-type"] == b"text/html; charset=utf-8"
    assert body.startswith(b"<!doctype html>")
    assert get(pages, path, headers, "HEAD")[:2] == (status, told)


@pytest.mark.parametrize(
    "path",
    [
        *("/api/nothing", "/media/nothing", "/metrics", "/healthz", "/readyz", "/ws", "/-/routes"),
        *("/assets/index-old.js", "/assets/nothing", "/favicon.ico", "/c/x.html", "/index.html.br"),
        "/assets/index-1a2b.js.br",
    ],
)
def test_what_is_no_address_of_the_client_is_not_found(pages: Pages, path: str) -> None:
    assert pages.answer("GET", path, NAVIGATION) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"accept": b"*/*"},
        {b"accept": b"application/json"},
        {b"sec-fetch-mode": b"cors", b"accept": b"text/html"},
        {b"sec-fetch-mode": b"no-cors"},
    ],
)
def test_what_a_script_or_program_misses_is_not_found(
    pages: Pages, headers: dict[bytes, bytes]
) -> None:
    assert pages.answer("GET", "/c/g123", headers) is None
    assert get(pages, "/", headers)[0] == 200


def test_pages_are_read_only(pages: Pages) -> None:
    assert pages.answer("POST", "/c/g123", NAVIGATION) is None
    for path in ("/", "/sw.js", "/assets/index-1a2b.js"):
        status, told, _ = get(pages, path, verb="POST")
        assert (status, told[b"allow"]) == (405, b"GET, HEAD")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/sw.js", b"text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", b"application/manifest+json"),
        ("/icon.svg", b"image/svg+xml"),
    ],
)
def test_other_files_are_there_and_asked_for_again(
    pages: Pages, path: str, media_type: bytes
) -> None:
    status, told, _ = get(pages, path)
    assert (status, told[b"content-type"], told[b"cache-control"]) == (200, media_type, b"no-cache")


def test_a_server_without_a_client_says_so(tmp_path: Path) -> None:
    pages = Pages(read(tmp_path / "dist"), CONFIG, SITE)
    status, _, body = get(pages, "/")
    assert status == 200
    assert b"make install" in body
    assert b"/api/docs" in body
    assert pages.answer("GET", "/c/g123", NAVIGATION) is None


# --- how it is carried ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"gzip, deflate, br, zstd", "br"),
        (b"gzip, deflate, zstd", "zstd"),
        (b"gzip", "gzip"),
        (b"GZIP", "gzip"),
        (b"gzip;q=1.0, br;q=0.5", "gzip"),
        (b"br;q=0, zstd;q=0, gzip", "gzip"),
        (b"br ; q=0.1", "br"),
        (b"*", "br"),
        (b"*;q=0.5, br;q=0", "zstd"),
        (b"identity", "identity"),
        (b"identity, gzip;q=0.5", "identity"),
        (b"gzip;q=0.5, identity;q=0.5", "gzip"),
        (b"br;q=x, gzip", "gzip"),
        (b"deflate", "identity"),
        (b"", "identity"),
        (b"*;q=0", "identity"),
        (b",;,;q", "identity"),
    ],
)
def test_the_encoding_that_the_client_likes_best(
    pages: Pages, accepted: bytes, encoding: str
) -> None:
    status, told, body = get(pages, "/assets/index-1a2b.js", {b"accept-encoding": accepted})
    assert status == 200
    assert told.get(b"content-encoding", b"identity").decode() == encoding
    assert told[b"vary"] == b"Accept-Encoding"
    bodies = {"identity": SCRIPT, "br": b"by brotli", "zstd": b"by zstd"}
    assert (gzip.decompress(body) if encoding == "gzip" else body) == bodies.get(encoding, SCRIPT)


def test_what_has_no_compressed_copy_is_sent_as_it_is() -> None:
    assert chosen(b"br, gzip", {"identity": b"", "gzip": b""}) == "gzip"
    assert chosen(b"br, gzip", {"identity": b""}) == "identity"


def test_hashed_names_are_kept_for_ever_and_what_is_known_is_not_sent_again(pages: Pages) -> None:
    path = "/assets/index-1a2b.js"
    tags = set()
    for encoding in ("identity", *ENCODINGS):
        asks = {b"accept-encoding": encoding.encode()}
        _, told, _ = get(pages, path, asks)
        assert told[b"cache-control"] == b"public, max-age=31536000, immutable"
        tags.add(told[b"etag"])
        for known in (told[b"etag"], b'"x", W/' + told[b"etag"], b"*"):
            status, again, body = get(pages, path, {**asks, b"if-none-match": known})
            assert (status, body, again[b"etag"]) == (304, b"", told[b"etag"])
            assert again[b"cache-control"] == told[b"cache-control"]
            assert again[b"vary"] == b"Accept-Encoding"
        assert get(pages, path, {**asks, b"if-none-match": b'"x"'})[0] == 200
    assert len(tags) == 1 + len(ENCODINGS), "other bytes, other tag"


def test_a_new_build_has_other_tags(folder: Path, pages: Pages) -> None:
    before = get(pages, "/")[1][b"etag"]
    (folder / "index.html").write_bytes(b"<!doctype html><title>Heliograph 2</title>")
    after = get(Pages(read(folder), CONFIG, SITE), "/")[1][b"etag"]
    assert before != after


# --- what it may do ---------------------------------------------------------------------------


def test_the_page_runs_and_shows_nothing_that_did_not_come_from_here(pages: Pages) -> None:
    _, told, _ = get(pages, "/c/g1", {**NAVIGATION, b"host": b"localhost:8000"})
    rules = policy(told)
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["worker-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in str(rules)
    assert told[b"x-frame-options"] == b"DENY"
    assert told[b"cross-origin-opener-policy"] == b"same-origin"
    assert told[b"referrer-policy"] == b"same-origin"
    permissions = dict(part.split("=") for part in told[b"permissions-policy"].decode().split(", "))
    assert permissions["camera"] == permissions["microphone"] == "(self)"
    assert permissions["geolocation"] == permissions["usb"] == "()"


def test_a_worker_compiles_webassembly_and_the_page_does_not(pages: Pages) -> None:
    host = {b"host": b"localhost:8000"}
    worker = policy(get(pages, "/assets/worker-3c4d.js", host)[1])
    assert worker["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert worker["connect-src"] == "'self' ws://localhost:8001"
    service = policy(get(pages, "/sw.js", host)[1])
    assert (service["script-src"], service["connect-src"]) == ("'self'", "'self'")
    for path in ("/icon.svg", "/assets/index-1a2b.js"):
        assert policy(get(pages, path)[1]) == {"default-src": "'none'", "sandbox": ""}


@pytest.mark.parametrize(
    ("host", "ws_url", "ws_port", "live"),
    [
        (b"localhost:8000", "", 8001, " ws://localhost:8001"),
        (b"LOCALHOST:8000", "", 8001, " ws://localhost:8001"),
        (b"localhost:8000", "", 0, ""),
        (b"evil.example:8000", "", 8001, ""),
        (b"localhost:8000; script-src *", "", 8001, ""),
        (b"[::1]:8000", "", 8001, ""),
        (b"", "", 8001, ""),
        (b"evil.example", "wss://chat.example.org/ws", 8001, " wss://chat.example.org/ws"),
        (b"localhost:8000", "ws://[::1]:8001/ws", 8001, ""),
    ],
)
def test_live_connections_go_where_the_configuration_says(
    folder: Path, host: bytes, ws_url: str, ws_port: int, live: str
) -> None:
    config: t.Config = msgspec.structs.replace(CONFIG, ws_url=ws_url, ws_port=ws_port)
    pages = Pages(read(folder), config, SITE)
    assert policy(get(pages, "/", {b"host": host})[1])["connect-src"] == f"'self'{live}"


def test_nothing_outside_the_folder_is_read(folder: Path) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    assert {*read(folder)} == {
        "/index.html",
        "/sw.js",
        "/manifest.webmanifest",
        "/icon.svg",
        "/notes.gz",
        "/assets/index-1a2b.js",
        "/assets/worker-3c4d.js",
    }
