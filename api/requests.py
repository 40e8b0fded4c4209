"""What comes to the HTTP front: its headers, its body, and who waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeVar

from api import limits
from api.errors import ApiError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
R = TypeVar("R")


def headers_of(scope: Message) -> dict[bytes, bytes]:
    """By lower-case name; what is repeated is one list (RFC 9110, section 5.3; cookies: RFC 6265,
    section 4.2.1)."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        key = name.lower()
        between = b"; " if key == b"cookie" else b", "
        found[key] = found[key] + between + value if key in found else value
    return found


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Body:
    """The body of a request, to be read from its beginning, with at most `bytes_max` bytes (fewer
    where its length is told). Raises `too_large` at once where that is more."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._left = bytes_max
        self._too_large = ApiError("too_large", f"a body has at most {bytes_max} bytes")
        self._come: list[memoryview] = []
        self._size = 0
        self._ended = False
        length = headers.get(b"content-length", b"")
        if b"transfer-encoding" not in headers and not length:
            length = b"0"
        if length.isdigit() and int(length) > bytes_max:
            raise self._too_large
        self.bytes_max = int(length) if length.isdigit() else bytes_max

    async def read(self, size: int) -> bytes:
        """So many bytes; fewer where it ends. Raises `too_large`, `too_slow`, ClientGone."""
        try:
            async with asyncio.timeout(limits.HTTP_BODY_S_MAX):
                while self._size < size and not self._ended:
                    await self._more()
        except TimeoutError:
            detail = f"{size} bytes took longer than {limits.HTTP_BODY_S_MAX} s"
            raise ApiError("too_slow", detail, 1.0) from None
        return self._taken(size)

    async def _more(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._ended = True
            raise ClientGone
        piece = memoryview(message.get("body", b""))
        self._come.append(piece)
        self._size += len(piece)
        self._left -= len(piece)
        self._ended = not message.get("more_body", False)
        if self._left < 0:
            self._ended = True
            raise self._too_large

    def _taken(self, size: int) -> bytes:
        taken, have = self._come, self._size
        self._come, self._size = [], max(0, have - size)
        if self._size:
            last = taken.pop()
            cut = len(last) - self._size
            taken.append(last[:cut])
            self._come.append(last[cut:])
        return b"".join(taken)


async def unless_gone(call: Awaitable[R], receive: Receive) -> R:
    """What the call comes back with; it is given up when the client goes away: raises
    ClientGone."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    calling, going = asyncio.ensure_future(call), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({calling, going}, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            raise ClientGone
        return calling.result()
    finally:
        calling.cancel()
        going.cancel()
        await asyncio.gather(calling, going, return_exceptions=True)
