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
from fronts.straight import EXTENSION, Straight

NOT_AHEAD = (b"x-request-disconnect-disabled", b"?1")


class UnhurriedHttp(HttpToolsProtocol):
    """One connection, mostly of HAProxy's."""

    _rest = False
    """Whether a request was answered before all of it had come, and the rest still comes."""

    def on_headers_complete(self) -> None:
        self.headers[:] = [header for header in self.headers if header[0] != NOT_AHEAD[0]]
        upgrades = self.parser.should_upgrade()
        if not upgrades:
            self.headers.append(NOT_AHEAD)
        super().on_headers_complete()
        if not upgrades and self.scheme == "http":  # what TLS sends is not what lies there
            self.scope["extensions"] = {EXTENSION: Straight(self.cycle)}  # type: ignore[dict-item]

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

        super()._start_asgi_task(cycle, watched)

    def _hang_up(self) -> None:
        """To close waits for a client to take what was sent, for ever."""
        if self.transport.is_closing():
            self.loop.call_later(CLOSE_S, self.transport.abort)
