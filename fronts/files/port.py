"""Files on a port of their own: the same requests and answers as at the HTTP port, without the
proxy and the deployment before that. Whoever has the chunks serves it (`shells.media`).

What HAProxy sees to there, `fronts.guarded` sees to here.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from functools import partial
from typing import NoReturn

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
from fronts.files.http import MediaHttp
from fronts.guarded import GuardedHttp
from fronts.sockets import listening

log = logging.getLogger(__name__)

DRAIN_S = 2
FILES_OF_A_CONNECTION = 4
"""Its socket, a thread's hold on it, and what is left for all else."""
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


class FilesPort:
    """See the module. On a running loop. `told`: what the server tells of itself."""

    def __init__(self, files: MediaHttp, told: t.Config, callers: Callers, site: Site) -> None:
        async def start() -> FilesAlone:
            return FilesAlone(files, told)

        open_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = min(limits.FILE_CONNECTIONS_MAX, open_max // FILES_OF_A_CONNECTION)
        config = uvicorn.Config(
            App(start, callers, lambda: site),
            http=partial(GuardedHttp, callers, Counts(callers), most),  # type: ignore[arg-type]
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
