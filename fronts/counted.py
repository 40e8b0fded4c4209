"""Connections of an edge, counted from the moment they are there: one that never asks for a
WebSocket takes a socket and memory like any other.

What the operator's proxies say of who calls is known only when it asks; where they stand before the
server, an address is counted from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from multidict import CIMultiDict
from picows import (
    WSAutoPingStrategy,
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from api import limits
from api.addresses import Callers
from api.counts import Counts
from api.requests import headers_of

READ_BUFFER_BYTES = 2048
Accepted = WSListener | WSUpgradeResponseWithListener | None
Accept = Callable[[WSUpgradeRequest], Accepted]


class Doors:
    """Makes the protocols of an edge's connections; `accept` makes the listener of one that asks
    for a WebSocket, or says why not."""

    def __init__(self, accept: Accept, callers: Callers) -> None:
        self.accept = accept
        self.callers = callers
        self.counts = Counts(callers)
        self.open = 0
        self.refused = 0
        self._log = logging.getLogger("picows.server")

    def protocol(self) -> Door:
        """For a new connection."""
        return Door(self, self._log)


class Door(WSProtocol):  # type: ignore[misc]
    """One connection."""

    def __init__(self, doors: Doors, log: logging.Logger) -> None:
        super().__init__(
            None,  # the address that a client asks for
            None,  # its path
            False,  # this is no client
            self._accept,
            log,
            True,  # what fails in a listener ends its connection
            limits.HELLO_DEADLINE_S,
            False,  # no pings of its own
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # pongs count against the bounds of a connection
            limits.FRAME_BYTES_MAX,
            None,  # no further headers
            READ_BUFFER_BYTES,
        )
        self._doors = doors
        self._peer = ""
        self._admitted = False
        self._counted: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        doors = self._doors
        self._peer = (transport.get_extra_info("peername") or ("",))[0]
        full = doors.open >= limits.CONNECTIONS_PER_EDGE_MAX
        if full or not (doors.callers.proxies or self._count({})):
            doors.refused += 1
            transport.abort()
            return
        self._admitted = True
        doors.open += 1
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._admitted:
            return
        self._doors.open -= 1
        if self._counted is not None:
            self._doors.counts.leave(self._counted)
        super().connection_lost(exc)

    def _accept(self, request: WSUpgradeRequest) -> Accepted:
        if self._counted is None and not self._count(bytes_of(request.headers)):
            self._doors.refused += 1
            return None
        return self._doors.accept(request)

    def _count(self, headers: dict[bytes, bytes]) -> bool:
        """Whether its address may have one more."""
        who = self._doors.callers.of(headers, self._peer)
        self._counted = self._doors.counts.enter(who)
        return self._counted is not None


def bytes_of(headers: CIMultiDict[str]) -> dict[bytes, bytes]:
    """By lower-case name, as `api.requests.headers_of` makes them."""
    told = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return headers_of({"headers": told})
