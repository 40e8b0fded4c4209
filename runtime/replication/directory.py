"""Which host leads which shard, as fronts and hosts find out: they ask all hosts all the time.

A call goes to the leader that is known; when another one is found meanwhile, or the host does not
answer any more, the call is given up, so that whoever made it can make it again elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from runtime.replication.protocol import NotLeading, Unavailable

R = TypeVar("R")
log = logging.getLogger(__name__)

ASK_S, HURRY_S = 0.5, 0.1
"""Between two questions to a host, and while somebody waits for the answer."""
SILENT_S = 3.0
WAIT_S = 2.0

Led = list[tuple[int, int]]
"""Shards that a host leads, each with its epoch."""


class Directory:
    """See the module. `ask(host)` gets what a host leads; it raises where the host cannot be
    reached. `hosts()` names those that there are."""

    def __init__(
        self, hosts: Callable[[], Iterable[str]], ask: Callable[[str], Awaitable[Led]]
    ) -> None:
        self._hosts = hosts
        self._ask = ask
        self._routes: dict[int, tuple[int, str]] = {}
        self._moved: dict[int, asyncio.Event] = {}
        self._hurry = asyncio.Event()
        self._seeking = 0
        """So many calls wait for a leader."""
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch_all())

    async def close(self) -> None:
        tasks = [*self._watches.values(), *filter(None, [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def leader(self, shard: int) -> str | None:
        """The host that leads it, as far as is known."""
        route = self._routes.get(shard)
        return None if route is None else route[1]

    async def call(self, shard: int, make: Callable[[str], Awaitable[R]]) -> R:
        """What `make(host)` gets from the host that leads. Raises Unavailable where there is none,
        or it changes meanwhile; and what the call raises."""
        host = await self._find(shard)
        moved = self._event(shard)
        call: asyncio.Future[R] = asyncio.ensure_future(make(host))
        watch: asyncio.Future[Any] = asyncio.ensure_future(moved.wait())
        try:
            await asyncio.wait({call, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise Unavailable(f"shard {shard} is not at {host} any more")
            return call.result()
        except NotLeading:
            self._forget(shard, host)
            raise Unavailable(f"shard {shard} is not at {host} any more") from None
        finally:
            watch.cancel()
            if not call.done():
                call.cancel()

    async def _find(self, shard: int) -> str:
        host = self.leader(shard)
        if host is not None:
            return host
        self._seeking += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(WAIT_S):
                while (host := self.leader(shard)) is None:
                    await self._event(shard).wait()
                return host
        except TimeoutError:
            raise Unavailable(f"nobody leads shard {shard}") from None
        finally:
            self._seeking -= 1

    # --- asking -------------------------------------------------------------------------------

    async def _watch_all(self) -> None:
        """A watch for each host that there is, also for those that come later."""
        while True:
            names = dict.fromkeys(self._hosts())
            for name in names:
                if name not in self._watches:
                    self._watches[name] = asyncio.create_task(self._watch(name))
            for name in [name for name in self._watches if name not in names]:
                self._watches.pop(name).cancel()
                self._lose(name)
            await self.pause(SILENT_S)

    async def pause(self, seconds: float, least_s: float = HURRY_S) -> None:
        """For so long; only for `least_s` while somebody waits for a leader."""
        if self._seeking:
            await asyncio.sleep(least_s)
        else:
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()

    async def _watch(self, host: str) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    led = await self._ask(host)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if self._lose(host):
                    log.warning("%s does not answer: %s", host, error or type(error).__name__)
            else:
                self._learn(host, led)
            await self.pause(ASK_S)

    def _learn(self, host: str, led: Led) -> None:
        for shard, epoch in led:
            known = self._routes.get(shard)
            if known is None or epoch > known[0]:
                self._routes[shard] = (epoch, host)
                if known is None or known[1] != host:
                    self._tell(shard)
        for shard in {p for p, (_, name) in self._routes.items() if name == host}:
            if shard not in {number for number, _ in led}:
                self._forget(shard, host)

    def _lose(self, host: str) -> bool:
        """A host does not answer; whether it led something."""
        lost = [shard for shard, (_, name) in self._routes.items() if name == host]
        for shard in lost:
            self._forget(shard, host)
        return bool(lost)

    def _forget(self, shard: int, host: str) -> None:
        if self.leader(shard) == host:
            del self._routes[shard]
            self._tell(shard)

    def _event(self, shard: int) -> asyncio.Event:
        event = self._moved.get(shard)
        if event is None:
            event = self._moved[shard] = asyncio.Event()
        return event

    def _tell(self, shard: int) -> None:
        event = self._moved.pop(shard, None)
        if event is not None:
            event.set()
