"""The users that load is made with: registered once per server, and remembered.

Registering hashes a password, which a server does a few at a time, so tokens are kept in the
user's cache folder, in one file per server (its URL, and its id where it tells one). A token that
the server no longer knows is dropped when it is refused, and another user registered in its place.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from api import types as t
from api.errors import ApiError, Problem
from api.urls import bracketed
from sim.load.run import Account

REGISTRATIONS_AT_ONCE = 4
"""More than the server hashes at once, so that none of its threads waits for a request."""
TRIES_MAX = 60
RETRY_AFTER_S = 0.5
HTTP_TIMEOUT_S = 30.0
UNREACHABLE_TRIES = 5
FLOOD_S_MAX = 5.0
"""Whoever would have to wait for longer is told how to lift the limit."""

R = TypeVar("R")
Progress = Callable[[int, int], None]


class Cached(msgspec.Struct):
    url: str
    server_id: str
    accounts: list[Account]


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
    """The HTTP side of the API."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx2.AsyncClient(timeout=HTTP_TIMEOUT_S, trust_env=False)

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


class Accounts:
    """The cached users of one server."""

    def __init__(self, http: Http, server_id: str, cache: Path | None = None) -> None:
        self._http = http
        self._server_id = server_id
        name = hashlib.sha256(f"{http.url} {server_id}".encode()).hexdigest()[:16]
        self._path = (cache or cache_folder()) / f"{name}.json"
        self._accounts = self._read()

    async def take(self, count: int, progress: Progress) -> list[Account]:
        """So many users, registered as far as they are not there yet."""
        have = len(self._accounts)
        missing = count - have
        if missing > 0:
            at_once = asyncio.Semaphore(REGISTRATIONS_AT_ONCE)
            progress(have, count)

            async def one() -> None:
                async with at_once:
                    self._accounts.append(await self._register())
                progress(len(self._accounts), count)

            try:
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(missing):
                        tasks.create_task(one())
            except* (ApiError, httpx2.TransportError) as group:
                raise _first(group) from None
            finally:
                self._write()
        return self._accounts[:count]

    def forget(self, user_ids: list[int]) -> None:
        refused = set(user_ids)
        self._accounts = [a for a in self._accounts if a.user_id not in refused]
        self._write()

    async def _register(self) -> Account:
        name = f"load_{secrets.token_hex(8)}"
        params = {
            "username": name,
            "password": secrets.token_urlsafe(12),
            "name": name,
            "device": "heliograph load",
        }
        done = await self._http.patiently("auth.register", params, t.Authorization)
        return Account(done.user.id, done.token)

    def _read(self) -> list[Account]:
        try:
            cached = msgspec.json.decode(self._path.read_bytes(), type=Cached)
        except (OSError, msgspec.MsgspecError):
            return []
        return cached.accounts

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._path.with_suffix(f".{os.getpid()}")
        cached = Cached(self._http.url, self._server_id, self._accounts)
        draft.touch(mode=0o600)
        draft.write_bytes(msgspec.json.encode(cached))
        draft.replace(self._path)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    problem: BaseException = group
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "heliograph" / "load"
