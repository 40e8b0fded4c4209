"""Files on a port of their own: the same requests and answers as at the HTTP port, without the
proxy and the deployment before that. Whoever has the chunks serves it (`shells.media`).

What HAProxy sees to there is seen to here: how many connections an address has, how long a head
takes and how long it is, and who neither asks nor takes what was answered.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, NoReturn

import uvicorn

from api import limits
from api import methods as m
from api import types as t
from api.addresses import Address, Callers
from api.counts import Counts
from api.errors import ApiError
from api.frames import encode
from api.http import App, Readiness
from api.replies import Reply
from api.requests import Message, Receive, Send
from api.site import Headers, Shown, Site
from fronts.connection import CLOSE_S
from fronts.files.http import MediaHttp
from fronts.sockets import listening
from fronts.unhurried import UnhurriedHttp

log = logging.getLogger(__name__)

DRAIN_S = 2
ELSEWHERE = "files alone are here; everything else is at the server's HTTP port"


class FilesAlone:
    """See `api.http.Backend`: of a server, its files, and which server it is."""

    def __init__(self, files: MediaHttp, config: t.Config) -> None:
        self._files = files
        self._config = config

    async def media(
        self, scope: Message, receive: Receive, send: Send, address: Address | None, shown: Shown
    ) -> Reply | None:
        return await self._files(scope, receive, send, address, shown)

    async def ready(self) -> Readiness:
        return Readiness(True)

    async def call(self, params: m.Params, token: str, address: Address | None) -> bytes:
        if isinstance(params, m.GetConfig):
            return encode(self._config)
        raise ApiError("not_found", ELSEWHERE)

    async def metrics(self, token: str) -> NoReturn:
        raise ApiError("not_found", ELSEWHERE)

    async def websocket(
        self, receive: Receive, send: Send, address: Address | None, token: str
    ) -> NoReturn:
        raise ApiError("not_found", ELSEWHERE)

    def page(self, verb: str, path: str, headers: Headers) -> NoReturn:
        raise ApiError("not_found", ELSEWHERE)


class FilesHttp(UnhurriedHttp):
    """One connection of a client's."""

    def __init__(self, callers: Callers, counts: Counts, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._callers = callers
        self._counts = counts
        self._counted: str | None = None
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    # --- a connection -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = (transport.get_extra_info("peername") or ("",))[0]
        # Behind proxies, which have one address for all, requests are counted (`api.http`).
        address = None if self._callers.proxies else self._callers.of({}, peer)
        counted = self._counts.enter(address)
        if counted is None or len(self.connections) >= limits.FILE_CONNECTIONS_MAX:
            self._counts.leave(counted or "")
            transport.abort()
            return
        self._counted = counted
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counted is None:
            return
        self._counts.leave(self._counted)
        self._head_is_there()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(CLOSE_S, self.transport.abort)  # what it did not take is still waiting

    # --- the head of a request --------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._deadline is not None and self._head_bytes > limits.HTTP_HEAD_BYTES_MAX:
            self.send_400_response(f"a head has at most {limits.HTTP_HEAD_BYTES_MAX} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """One who asks without end before anything is answered gets no answer."""
        self._head_is_there()
        super().on_headers_complete()
        if len(self.pipeline) > limits.HTTP_PIPELINED_MAX:
            raise ValueError("too many requests at once")  # which the parser is stopped by

    def _expect_head(self) -> None:
        self._head_is_there()
        self._deadline = self.loop.call_later(limits.HTTP_HEAD_S_MAX, self.transport.abort)

    def _head_is_there(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class FilesPort:
    """See the module. On a running loop. `told`: what the server tells of itself."""

    def __init__(self, files: MediaHttp, told: t.Config, callers: Callers, site: Site) -> None:
        async def start() -> FilesAlone:
            return FilesAlone(files, told)

        config = uvicorn.Config(
            App(start, callers, lambda: site),
            http=partial(FilesHttp, callers, Counts(callers)),  # type: ignore[arg-type]
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="critical",  # what clients do wrong is no error here
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=limits.HTTP_IDLE_S_MAX,
            timeout_graceful_shutdown=DRAIN_S,
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    def start(self, host: str, port: int) -> None:
        """Listen; media actors of one machine share the port. Where somebody else has it, there is
        none: files come and go at the HTTP port all the same."""
        try:
            sock = listening(host, port)
        except OSError as error:
            log.error("files are served at the HTTP port alone: port %d: %s", port, error)
            return
        self._serving = asyncio.create_task(self._server.serve(sockets=[sock]))

    async def drain(self) -> None:
        """Listen no more, and end what is under way, soon."""
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving
