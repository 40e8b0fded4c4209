"""Fronts answer to the server's own HAProxy and to nobody else.

They listen on loopback, where every user of the machine can come and say whom a request is from.
What comes through an entrance (`heliograph.server.haproxy`) carries a secret; without it nothing is
answered but whether the process lives.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.middleware import Middleware

from fronts.bounded import bound_uvicorn
from fronts.secrets import cluster_token, front_secret

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

FRONT_HEADER, CLIENT_HEADER = b"x-heliograph-front", b"x-heliograph-client"
HEALTH = "/-/healthz"
REFUSAL = b"this port is for the server's own proxy\n"


class Guard:
    """An ASGI application before another one, which finds in `scope["client"]` who calls the
    entrance, and none of the entrance's own headers."""

    def __init__(self, app: Application, secret: str) -> None:
        self._app = app
        self._secret = secret.encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        told = [value for name, value in scope["headers"] if name == FRONT_HEADER]
        if len(told) != 1 or not hmac.compare_digest(told[0], self._secret):
            if scope["type"] == "http" and scope["path"] == HEALTH:
                await self._app(scope, receive, send)
            else:
                await _refuse(scope, receive, send)
            return
        client = b"".join(value for name, value in scope["headers"] if name == CLIENT_HEADER)
        own = (FRONT_HEADER, CLIENT_HEADER)
        headers = [header for header in scope["headers"] if header[0] not in own]
        shown = {**scope, "client": (client.decode("latin-1"), 0), "headers": headers}
        await self._app(shown, receive, send)


async def _refuse(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(REFUSAL))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})


def middleware() -> list[Middleware]:
    """What Serve puts before the applications of a process, asked for before it starts uvicorn (see
    `heliograph.server.environment`)."""
    bound_uvicorn()
    return [Middleware(Guard, secret=front_secret(cluster_token()))]
