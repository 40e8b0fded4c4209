"""Configurations in the key-value store of Ray's GCS, which can write a key if it is not there: a
key for each partition and epoch, and one that tells about where the newest is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from actors.runtime.replication.protocol import (
    Configuration,
    Unavailable,
    decode_configuration,
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


class GcsConfigStore:
    """See `protocol.ConfigStore`."""

    def __init__(self, values: KeyValues, cluster_id: str) -> None:
        self._values = values
        self._cluster = cluster_id
        self._threads = ThreadPoolExecutor(THREADS, "configurations")

    async def newest(self, partition: int, known: int = 0) -> Configuration | None:
        return await self._wait(self._newest, partition, known)

    def _newest(self, partition: int, known: int) -> Configuration | None:
        hint = self._values.get(self._key(partition))
        epoch = max(known, int(hint or 0), 1)
        raw = self._values.get(self._key(partition, epoch))
        while (later := self._values.get(self._key(partition, epoch + 1))) is not None:
            raw, epoch = later, epoch + 1
        return None if raw is None else decode_configuration(raw)

    async def create(self, config: Configuration) -> bool:
        return await self._wait(self._create, config)

    def _create(self, config: Configuration) -> bool:
        key = self._key(config.partition, config.epoch)
        if not self._values.put(key, encode(config), overwrite=False):
            return False
        self._values.put(self._key(config.partition), b"%d" % config.epoch, overwrite=True)
        return True

    def _key(self, partition: int, epoch: int | None = None) -> bytes:
        key = f"heliograph:{self._cluster}:{partition}"
        return (key if epoch is None else f"{key}:{epoch}").encode()

    async def _wait(self, work: Callable[..., R], *args: object) -> R:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await loop.run_in_executor(self._threads, work, *args)
        except Exception as error:
            raise Unavailable(f"the configuration store: {error or 'it is silent'}") from error
