"""The live connection itself."""

from __future__ import annotations

from api import types as t
from api.methods.fields import Token
from api.methods.registry import Params, method


@method(
    "session.hello",
    to="connection",
    result=t.Hello,
    auth=False,
    wire="ws",
    errors=("unauthorized",),
)
class SayHello(Params, frozen=True):
    """The first request on a live connection: authenticate it, and let updates flow. A page that is
    logged in by a cookie shows no `token`: the cookie came with the handshake."""

    token: Token = ""
