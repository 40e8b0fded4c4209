"""What the hosts of a cluster must agree upon, in the key-value store of Ray's GCS, which can write
a key if it is not there. Configurations: a key for each shard and epoch, and one that tells
about where the newest is. The roster: a key for each host, one for what an operator wants of it,
and one for the node of a host that was made while the server ran."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import msgspec

from runtime.replication.protocol import (
    Configuration,
    Mark,
    Seat,
    Unavailable,
    decode_configuration,
    decode_seat,
    encode,
)

R = TypeVar("R")

CALL_S_MAX = 2.0
THREADS = 4


class KeyValues(Protocol):
    """Blocking calls of a key-value store; they raise where it cannot be reached."""

    def get(self, key: bytes) -> bytes | None: ...

    def put(self, key: bytes, value: bytes, *, overwrite: bool) -> bool:
        """Whether it was written: not where the key is there and must not be overwritten."""

    def keys(self, prefix: bytes) -> list[bytes]: ...

    def delete(self, key: bytes) -> None: ...


class _Waiting:
    """Calls of a key-value store that do not hold up the loop."""

    def __init__(self, values: KeyValues, threads: int) -> None:
        self._values = values
        self._threads = ThreadPoolExecutor(threads, "gcs")

    async def _wait(self, work: Callable[..., R], *args: object) -> R:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await loop.run_in_executor(self._threads, work, *args)
        except Exception as error:
            raise Unavailable(f"Ray's key-value store: {error or 'it is silent'}") from error


class GcsConfigStore(_Waiting):
    """See `protocol.ConfigStore`."""

    def __init__(self, values: KeyValues, cluster_id: str) -> None:
        super().__init__(values, THREADS)
        self._cluster = cluster_id

    async def newest(self, shard: int, known: int = 0) -> Configuration | None:
        return await self._wait(self._newest, shard, known)

    def _newest(self, shard: int, known: int) -> Configuration | None:
        hint = self._values.get(self._key(shard))
        epoch = max(known, int(hint or 0), 1)
        raw = self._values.get(self._key(shard, epoch))
        while (later := self._values.get(self._key(shard, epoch + 1))) is not None:
            raw, epoch = later, epoch + 1
        return None if raw is None else decode_configuration(raw)

    async def create(self, config: Configuration) -> bool:
        return await self._wait(self._create, config)

    def _create(self, config: Configuration) -> bool:
        key = self._key(config.shard, config.epoch)
        if not self._values.put(key, encode(config), overwrite=False):
            return False
        self._values.put(self._key(config.shard), b"%d" % config.epoch, overwrite=True)
        return True

    def _key(self, shard: int, epoch: int | None = None) -> bytes:
        key = f"heliograph:{self._cluster}:{shard}"
        return (key if epoch is None else f"{key}:{epoch}").encode()


class GcsRoster(_Waiting):
    """See `protocol.Roster`."""

    def __init__(self, values: KeyValues, cluster_id: str) -> None:
        super().__init__(values, THREADS)
        self._cluster = cluster_id

    async def seats(self) -> dict[str, Seat]:
        return await self._wait(self.read)

    def read(self) -> dict[str, Seat]:
        """The same; blocks."""
        marks = {key: self._values.get(key) for key in self._values.keys(self._key("mark", ""))}
        found = {}
        for key in self._values.keys(self._key("seat", "")):
            raw = self._values.get(key)
            if raw is not None:
                seat = decode_seat(raw)
                mark = marks.get(self._key("mark", seat.host)) or b""
                found[seat.host] = msgspec.structs.replace(seat, mark=mark.decode())
        return found

    async def seat(self, host: str) -> Seat | None:
        """That of one host, without its mark."""
        raw = await self._wait(self._values.get, self._key("seat", host))
        return None if raw is None else decode_seat(raw)

    async def announce(self, seat: Seat) -> None:
        await self._wait(self._put, self._key("seat", seat.host), encode(seat))

    async def mark(self, host: str, mark: Mark) -> None:
        await self._wait(self._put, self._key("mark", host), mark.encode())

    def settle(self, host: str, node: str) -> str:
        """Give a host a node, for ever; returns the one that it was given first. Blocks."""
        key = self._key("home", host)
        self._values.put(key, node.encode(), overwrite=False)
        return (self._values.get(key) or node.encode()).decode()

    def _put(self, key: bytes, value: bytes) -> None:
        self._values.put(key, value, overwrite=True)

    async def remove(self, host: str) -> None:
        for what in ("seat", "mark"):
            await self._wait(self._values.delete, self._key(what, host))

    def _key(self, what: str, host: str) -> bytes:
        return f"heliograph:{self._cluster}:{what}:{host}".encode()
