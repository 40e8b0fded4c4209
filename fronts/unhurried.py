"""uvicorn's HTTP, which takes no more of a request than is asked for.

Ray Serve reads bodies ahead, however long, to notice when a client goes away; told that it need not
(by a header of its own), it hands over what uvicorn receives, which stops reading from the socket
when 64 KiB wait. So a body that nobody has room for stays where it comes from. The application
notices by itself when a client goes away (`api.requests.unless_gone`). What a client goes on to
send after it was answered, or does not take, keeps its connection and its memory for seconds only.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fronts.connection import CLOSE_S
from fronts.sockets import cut
from fronts.straight import EXTENSION, Straight

NOT_AHEAD = (b"x-request-disconnect-disabled", b"?1")


class UnhurriedHttp(HttpToolsProtocol):
    """One connection, mostly of HAProxy's."""

    _rest = False
    """Whether a request was answered before all of it had come, and the rest still comes."""
    _running: RequestResponseCycle | None = None
    """What is answered now, or was last: of requests that came at once, uvicorn knows the last."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def break_off(self) -> None:
        """At once, also for a thread that has the socket."""
        cut(self.transport)

    def send_400_response(self, msg: str) -> None:
        """Not into an answer, nor in place of one that others wait for before it."""
        running = self._running
        if running is not None and not running.response_complete and not self._is_its_own(running):
            self.break_off()
        else:
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        self.headers[:] = [header for header in self.headers if header[0] != NOT_AHEAD[0]]
        upgrades = self.parser.should_upgrade()
        if not upgrades:
            self.headers.append(NOT_AHEAD)
        super().on_headers_complete()
        if not upgrades and self.scheme == "http":  # what TLS sends is not what lies there
            self.scope["extensions"] = {EXTENSION: Straight(self.cycle)}  # type: ignore[dict-item]

    def _is_its_own(self, running: RequestResponseCycle) -> bool:
        """Whether what is wrong is in this request, which nothing was said to yet."""
        return running is self.cycle and running.more_body and not running.response_started

    def on_message_complete(self) -> None:
        self._rest = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The rest is passed over for a while, or the answer would often be lost on its way."""
        if self.cycle.more_body:
            self._rest = True
            self.loop.call_later(CLOSE_S, self._leave_the_rest)
        super().on_response_complete()

    def _leave_the_rest(self) -> None:
        if self._rest:
            self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        async def watched(*asgi: Any) -> None:
            try:
                await app(*asgi)
            finally:
                self.loop.call_soon(self._hang_up)

        self._running = cycle
        super()._start_asgi_task(cycle, watched)

    def _hang_up(self) -> None:
        """To close waits for a client to take what was sent, for ever."""
        if self.transport.is_closing():
            self.loop.call_later(CLOSE_S, self.transport.abort)
