"""What the HTTP front answers."""

from __future__ import annotations

import math

import msgspec

from api.errors import ApiError
from api.requests import Send

Header = tuple[bytes, bytes]
Reply = tuple[int, bytes, bytes, list[Header]]
"""Status, media type, body, further headers, which stand in the place of `SAFE_HEADERS` of the same
name."""

JSON = b"application/json"
PROBLEM = b"application/problem+json"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"
SAFE_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
]
WITHOUT_BODY = (204, 304)


def page(verb: str, media_type: bytes, body: bytes) -> Reply:
    """What can only be read."""
    if verb not in ("GET", "HEAD"):
        return wrong_verb(b"GET, HEAD")
    return 200, media_type, body, []


def wrong_verb(allowed: bytes) -> Reply:
    return problem(ApiError("method_not_allowed"), (b"allow", allowed))


def problem(error: ApiError, *further: Header) -> Reply:
    """An error as it is answered; `further` headers."""
    headers = [*further]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    return error.status, PROBLEM, msgspec.json.encode(error.problem()), headers


async def answer(send: Send, reply: Reply, head_only: bool = False) -> None:
    """Send it."""
    status, media_type, body, headers = reply
    named = {name for name, _ in headers}
    shown = [*headers, *(header for header in SAFE_HEADERS if header[0] not in named)]
    if status not in WITHOUT_BODY:
        shown += [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": shown})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
