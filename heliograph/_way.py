"""The way that the bytes of files take."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from api import types as t
from api.errors import ApiError
from api.methods import GetConfig
from api.urls import bracketed
from heliograph._config import Timeouts
from heliograph._errors import ConnectionLost, ProtocolError
from heliograph._http import Http
from heliograph._transport import Transport

R = TypeVar("R")

ANSWER_S_MAX = 2.0
"""A port that does not answer within this is not waited for: there is another way."""
AGAIN_S = 60.0
"""Where there was no port for files, it is looked for again after so long."""


class Way:
    """To the server's port for files, where it has one that can be reached; else to where all else
    goes (`http`), for a while also after anything went wrong there. A port that another program
    answers at, beside a tunnel or in a network of containers, is not taken for that of the server;
    who pretends to be it by relaying is, as at every port without TLS."""

    def __init__(
        self, http: Http, transport: Transport, timeouts: Timeouts, context: ssl.SSLContext | None
    ) -> None:
        self._http = http
        self._transport = transport
        self._timeouts = replace(timeouts, connect_s=min(timeouts.connect_s, ANSWER_S_MAX))
        self._context = context
        self._opened: dict[str, Http] = {}
        self._beside: Http | None = None
        self._look_at_s = float("-inf")
        self._looking = asyncio.Lock()

    async def take(self, work: Callable[[Http], Awaitable[R]]) -> R:
        """Do something with the connections to where bytes go; on both ways, if nobody answers on
        the first. Raises what `work` raises."""
        if (beside := await self._found()) is not None:
            try:
                return await work(beside)
            except ConnectionLost as error:
                self._note(None)
                if error.maybe_done:
                    raise
            except ProtocolError:
                self._note(None)  # it is somebody else's by now
        return await work(self._http)

    async def close(self) -> None:
        for http in self._opened.values():
            await http.close()

    async def _found(self) -> Http | None:
        async with self._looking:
            if asyncio.get_running_loop().time() >= self._look_at_s:
                try:
                    self._note(await self._look())
                except (ApiError, ConnectionLost, ProtocolError):
                    self._note(None)  # who wants something is told what is wrong
            return self._beside

    async def _look(self) -> Http | None:
        config = await self._http.call(GetConfig(), "", self._timeouts.attempt_s)
        server = files_server(self._http.server, config)
        if not server:
            return None
        if server not in self._opened:
            self._opened[server] = self._transport.http(server, self._timeouts, self._context)
        there = await self._opened[server].call(GetConfig(), "", ANSWER_S_MAX)
        return self._opened[server] if there.server_id == config.server_id else None

    def _note(self, beside: Http | None) -> None:
        self._beside = beside
        again_s = asyncio.get_running_loop().time() + AGAIN_S
        self._look_at_s = again_s if beside is None else float("inf")


def files_server(server: str, config: t.Config) -> str:
    """The address of a server's port for files; empty if there is none. A server that is reached
    safely, or by a path, is behind a proxy, which is not left: the token would be readable."""
    base = urlsplit(server)
    if base.scheme != "http" or base.path or not config.files_port:
        return ""
    return f"http://{bracketed(base.hostname or '')}:{config.files_port}"
