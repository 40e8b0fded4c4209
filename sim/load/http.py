"""The HTTP side of the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from api.errors import ApiError, Problem
from api.urls import bracketed

TRIES_MAX = 60
RETRY_AFTER_S = 0.5
TIMEOUT_S = 30.0
UNREACHABLE_TRIES = 5
FLOOD_S_MAX = 5.0
"""Whoever would have to wait for longer is told how to lift the limit."""

R = TypeVar("R")


class ServerConfig(msgspec.Struct):
    """`help.config`, as far as load needs it."""

    ws_url: str
    registration: str = "open"
    server_id: str = ""
    ws_port: int = 0

    def reached_by(self, url: str) -> ServerConfig:
        """The same, where the server does not know by which of its addresses clients come: it is
        the one that `url` names."""
        if self.ws_url or not self.ws_port:
            return self
        host = urlsplit(url).hostname or ""
        return msgspec.structs.replace(self, ws_url=f"ws://{bracketed(host)}:{self.ws_port}/ws")


class Http:
    """Connections to one server."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def call(
        self, method: str, params: dict[str, Any], result: type[R], token: str = ""
    ) -> R:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        response = await self._client.post(
            f"{self.url}/api/{method}", content=msgspec.json.encode(params), headers=headers
        )
        if response.status_code != 200:
            raise _problem(response)
        return msgspec.json.decode(response.content, type=result)

    async def put(
        self,
        verb: str,
        path: str,
        asked: dict[str, str | list[str]],
        parts: Sequence[bytes],
        result: type[R],
        token: str,
    ) -> R:
        """Send bytes."""

        async def body() -> AsyncIterator[bytes]:
            for part in parts:
                yield part

        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Length": str(sum(map(len, parts))),
        }
        response = await self._client.request(
            verb, self.url + path, params=asked, content=body(), headers=headers
        )
        if response.status_code != 200:
            raise _problem(response)
        return msgspec.json.decode(response.content, type=result)

    async def get(self, path: str, token: str) -> bytes:
        """All bytes of a file."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        response = await self._client.get(self.url + path, headers=headers)
        if response.status_code != 200:
            raise _problem(response)
        return response.content

    async def patiently(self, method: str, params: dict[str, Any], result: type[R]) -> R:
        """The same, repeated for as long as the server asks to come again later."""
        for attempt in range(TRIES_MAX):
            try:
                return await self.call(method, params, result)
            except ApiError as error:
                if not error.retryable or attempt == TRIES_MAX - 1:
                    raise
                if error.code == "flood" and (error.retry_after or 0.0) > FLOOD_S_MAX:
                    raise ApiError(
                        "flood",
                        f"{error.detail}. For a load, start the server with --flood off, or with "
                        "--flood-exempt and the address of this machine",
                        error.retry_after,
                    ) from error
                await asyncio.sleep(error.retry_after or RETRY_AFTER_S)
            except httpx2.TransportError:
                if attempt >= UNREACHABLE_TRIES - 1:
                    raise
                await asyncio.sleep(RETRY_AFTER_S)
        raise AssertionError("the last attempt returns or raises")

    async def config(self) -> ServerConfig:
        return (await self.patiently("help.config", {}, ServerConfig)).reached_by(self.url)

    async def ws_url(self) -> str:
        """Where live connections go, asked anew; an `OSError` where nobody answers."""
        try:
            config = await self.call("help.config", {}, ServerConfig)
            return config.reached_by(self.url).ws_url
        except httpx2.TransportError as problem:
            raise ConnectionError(str(problem)) from problem


def _problem(response: httpx2.Response) -> ApiError:
    try:
        return ApiError.from_problem(msgspec.json.decode(response.content, type=Problem))
    except msgspec.MsgspecError:
        code = "unavailable" if response.status_code in (429, 502, 503, 504) else "internal"
        return ApiError(code, f"HTTP {response.status_code} without a problem document")
