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

import httpx2
import msgspec

from api import types as t
from api.errors import ApiError
from sim.load.http import Http
from sim.load.plan import Account

REGISTRATIONS_AT_ONCE = 4
"""More than the server hashes at once, so that none of its threads waits for a request."""

Progress = Callable[[int, int], None]


class Cached(msgspec.Struct):
    url: str
    server_id: str
    accounts: list[Account]


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
