"""uvicorn's HTTP for whoever comes: what HAProxy sees to where one is before it.

How many connections an address has, how long a head takes and how long it is, with all else that
is no body; how many requests wait; and who neither asks nor takes what was answered.
"""

from __future__ import annotations

import asyncio
from typing import Any

from api import limits
from api.addresses import Callers
from api.counts import Counts
from fronts.connection import CLOSE_S
from fronts.unhurried import UnhurriedHttp

Timer = asyncio.TimerHandle | None


class GuardedHttp(UnhurriedHttp):
    """One connection of a client's, of `most` that there may be."""

    def __init__(
        self, callers: Callers, counts: Counts, most: int, *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._callers = callers
        self._counts = counts
        self._most = most
        self._counted: str | None = None
        self._loose_bytes = 0  # since the parser last told of something
        self._head_due: Timer = None
        self._stalled: Timer = None

    # --- a connection -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        counted = self._enter((transport.get_extra_info("peername") or ("",))[0])
        if counted is None or len(self.connections) >= self._most:
            self._counts.leave(counted or "")
            transport.abort()
            return
        self._counted = counted
        super().connection_made(transport)
        self._expect_head()

    def _enter(self, peer: str) -> str | None:
        """See `Counts`. Proxies have one address for all: behind them nobody is counted here."""
        return "" if self._callers.proxies else self._counts.enter(self._callers.of({}, peer))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counted is None:
            return
        self._counts.leave(self._counted)
        self._head_due = _off(self._head_due)
        self._stalled = _off(self._stalled)
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(CLOSE_S, self.transport.abort)  # what it did not take is still waiting

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(limits.HTTP_IDLE_S_MAX, self.break_off)

    def resume_writing(self) -> None:
        self._stalled = _off(self._stalled)
        super().resume_writing()

    # --- what is no body --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._loose_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._loose_bytes > limits.HTTP_HEAD_BYTES_MAX:
            self.send_400_response(f"a head has at most {limits.HTTP_HEAD_BYTES_MAX} bytes")
        elif self._head_due is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()  # what came began none

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._loose_bytes = 0
        self._head_due = _off(self._head_due)
        super().on_headers_complete()
        if len(self.pipeline) > limits.HTTP_PIPELINED_MAX:
            raise ValueError("too many requests at once")  # which the parser is stopped by

    def on_body(self, body: bytes) -> None:
        self._loose_bytes = 0
        super().on_body(body)

    def _expect_head(self) -> None:
        self._loose_bytes = 0
        _off(self._head_due)
        self._head_due = self.loop.call_later(limits.HTTP_HEAD_S_MAX, self.break_off)


def _off(timer: Timer) -> Timer:
    """It does not go off any more; None in its place."""
    if timer is not None:
        timer.cancel()
    return None
