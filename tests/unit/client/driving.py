"""A client on real sockets, driven against a server that errs as told (`fake_server`), and read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import heliograph
from api import frames
from tests.unit.client.fake_server import (
    Account,
    Server,
)

CHAT = "p1-2"
PASSWORD = "password"
QUICK = heliograph.Timeouts(call_s=5, attempt_s=2, connect_s=2, gap_s=0.02, ack_s=0.01, save_s=0.02)
BACKOFF = heliograph.Backoff(0.001, 0.01)
TEST_S_MAX = 10


def run(test: Callable[[Server], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(TEST_S_MAX), Server() as server:
            await test(server)

    asyncio.run(limited())


def client_of(server: Server, **options: Any) -> heliograph.Client:
    return heliograph.Client(
        server.url, **{"timeouts": QUICK, "backoff": BACKOFF, "device": "test", **options}
    )


class Reader:
    """Everything a client tells, in order; `error` is what ended it."""

    def __init__(self, client: heliograph.Client) -> None:
        self.items: list[Any] = []
        self.error: BaseException | None = None
        self.task = asyncio.create_task(self._read(client))
        self._more = asyncio.Event()

    async def _read(self, client: heliograph.Client) -> None:
        try:
            async for item in client.updates():
                self.items.append(item)
                self._more.set()
        except heliograph.HeliographError as error:
            self.error = error

    async def have(self, count: int) -> list[Any]:
        """The items once there are so many."""
        while len(self.items) < count:
            self._more.clear()
            await self._more.wait()
        return self.items


@contextlib.asynccontextmanager
async def alice(
    server: Server, **options: Any
) -> AsyncIterator[tuple[heliograph.Client, Account, Reader]]:
    """Registered, connected, and read."""
    async with client_of(server, **options) as client:
        await client.register("alice", PASSWORD)
        reader = Reader(client)
        await client.connected()
        yield client, server.accounts["alice"], reader


async def everything(client: heliograph.Client, account: Account, reader: Reader) -> list[Any]:
    """What was read once the whole mailbox must have been: it is exactly that."""
    items = await reader.have(len(account.mailbox))
    await client.me()
    assert [frames.encode(item) for item in items] == account.mailbox
    return items
