"""Pages of other origins, which the operator allows by `--allow-origin`: they may ask with bearer
tokens, and read what is answered (CORS). Never with the cookie: nothing here allows credentials."""

from __future__ import annotations

from collections.abc import Iterable

from api.replies import Header, Reply
from api.requests import Message, Send
from api.site import Headers, Site

PATHS = ("/api/", "/media/")
ASKED_AGAIN_S = 7200
"""No browser remembers a preflight for longer."""
VERBS = b"GET, HEAD, POST, PUT"
SENT = b"authorization, content-type, range, if-match, if-none-match, if-range"
READ = b"etag, retry-after, accept-ranges, content-range, content-length, content-disposition"


def shared(site: Site, scope: Message, headers: Headers, send: Send) -> Send:
    """`send`, which tells the browser that the page may read the answer, if it may."""
    if not site.others or not scope["path"].startswith(PATHS):
        return send
    told = [
        (b"vary", b"Origin"),
        *_allowed(site, headers, (b"access-control-expose-headers", READ)),
    ]

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *told]}
        await send(message)

    return sent


def preflight(site: Site, scope: Message, headers: Headers) -> Reply | None:
    """The answer to a browser that asks whether a page may ask; None if it does not."""
    asks = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
    if not asks or not scope["path"].startswith(PATHS) or not _allowed(site, headers):
        return None
    told = [
        (b"access-control-allow-methods", VERBS),
        (b"access-control-allow-headers", SENT),
        (b"access-control-max-age", b"%d" % ASKED_AGAIN_S),
    ]
    return 204, b"", b"", told


def _allowed(site: Site, headers: Headers, *more: Header) -> Iterable[Header]:
    origin = headers.get(b"origin", b"")
    if origin.decode("latin-1") not in site.others:
        return []
    return [(b"access-control-allow-origin", origin), *more]
