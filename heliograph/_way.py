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

CONNECT_S_MAX = 2.0
SHUT_S = 60.0
"""A port that could not be reached is left alone for so long."""


class Way:
    """To the server's port for files, where it has one that can be reached; else to where all else
    goes (`http`). A port that is shut does not keep a file waiting for long: there is another
    way."""

    def __init__(
        self, http: Http, transport: Transport, timeouts: Timeouts, context: ssl.SSLContext | None
    ) -> None:
        self._http = http
        self._transport = transport
        self._timeouts = replace(timeouts, connect_s=min(timeouts.connect_s, CONNECT_S_MAX))
        self._context = context
        self._beside: Http | None = None
        self._known_until_s = float("-inf")
        self._asking = asyncio.Lock()

    async def take(self, work: Callable[[Http], Awaitable[R]]) -> R:
        """Do something with the connections to where bytes go; on both ways, if nobody answers on
        the first. Raises what `work` raises."""
        beside = await self._find()
        if beside is not None:
            try:
                return await work(beside)
            except ConnectionLost as error:
                if error.maybe_done:
                    raise
                await self._shut(beside)
        return await work(self._http)

    async def close(self) -> None:
        if self._beside is not None:
            await self._beside.close()

    async def _find(self) -> Http | None:
        async with self._asking:
            now_s = asyncio.get_running_loop().time()
            if now_s >= self._known_until_s:
                try:
                    config = await self._http.call(GetConfig(), "", self._timeouts.attempt_s)
                except (ApiError, ConnectionLost, ProtocolError):
                    return None  # which is told to who asks for what they want
                if found := files_server(self._http.server, config):
                    self._beside = self._transport.http(found, self._timeouts, self._context)
                self._known_until_s = float("inf")
            return self._beside

    async def _shut(self, beside: Http) -> None:
        if self._beside is beside:
            self._beside = None
            self._known_until_s = asyncio.get_running_loop().time() + SHUT_S
            await beside.close()


def files_server(server: str, config: t.Config) -> str:
    """The address of a server's port for files; empty if there is none. A server that is reached
    safely, or by a path, is behind a proxy, which is not left: the token would be readable."""
    base = urlsplit(server)
    if base.scheme != "http" or base.path or not config.files_port:
        return ""
    return f"http://{bracketed(base.hostname or '')}:{config.files_port}"
