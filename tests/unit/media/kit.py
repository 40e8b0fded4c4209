"""Media actors without Ray and sockets, in fake time, on disks in memory."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.files import chunk_hash
from media.collector import Condemned
from media.keeper import Keeper
from media.placement import ranking
from media.pool import Pool
from media.shelf import Shelf
from runtime.replication.protocol import Seat
from storage.chunks import ChunkStore
from tests.unit.runtime.fake_time import run

DAY_MS = 24 * 3_600_000
ROOT, OTHER = b"r" * 32, b"s" * 32


async def nobody(root: bytes) -> bool:
    """No file is condemned."""
    return False


async def everybody(root: bytes) -> bool:
    return True


class Media:
    """Media actors `a`, `b`, ..., each on a node of its own. `down` do not answer; `slow` take so
    many seconds before they do anything."""

    def __init__(self, folder: Path, actors: str, copies: int) -> None:
        self.now_ms = 100 * DAY_MS
        self.copies = copies
        self.folder = folder
        self.seats: dict[str, Seat] = {}
        self.shelves: dict[str, Shelf] = {}
        self.down: set[str] = set()
        self.slow: dict[str, float] = {}
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        self.under_way = self.under_way_max = 0
        self.stopped: list[BaseException] = []
        for actor in actors:
            self.add(actor)
        self.pool = Pool(self.call, lambda: self.seats, copies)

    def add(self, actor: str) -> None:
        store = ChunkStore(self.folder / actor, reserve_bytes=0, step_bytes=0)
        self.shelves[actor] = Shelf(store, lambda: self.now_ms, self.stopped.append)
        self.seats[actor] = Seat(actor, f"node-{actor}")

    def lose(self, actor: str) -> None:
        """For ever."""
        self.down.add(actor)
        del self.seats[actor]

    async def call(self, actor: str, method: str, *args: Any) -> Any:
        self.calls.append((actor, method, args))
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        try:
            if actor in self.slow:
                await asyncio.sleep(self.slow[actor])
            if actor in self.down:
                raise ConnectionError("it is down")
            return await self.shelves[actor].serve(method, *args)
        finally:
            self.under_way -= 1

    def keeper(self, actor: str, condemned: Condemned = nobody) -> Keeper:
        seats = lambda: self.seats  # noqa: E731
        return Keeper(actor, self.shelves[actor], self.pool, seats, self.copies, condemned)

    def owners(self, name: bytes) -> list[str]:
        return ranking(name, self.seats)[: self.copies]

    def having(self, name: bytes) -> set[str]:
        """Who of those that there are has a chunk."""
        return {a for a in self.seats if self.shelves[a].store.facts([name]) != [None]}

    def put_at(self, actor: str, data: bytes, touched_ms: int, *roots: bytes) -> bytes:
        """Store a chunk as if it had been touched then."""
        name = chunk_hash(data)
        store = self.shelves[actor].store
        store.put(name, data, touched_ms)
        for root in roots:
            store.hold(root, [name], touched_ms)
        return name

    def spoil(self, actor: str, name: bytes) -> None:
        """Flip a bit of what is stored of a chunk."""
        store = self.shelves[actor].store
        with store._env.begin(write=True) as txn:
            body = bytearray(txn.get(name, db=store._chunks) or b"")
            body[-1] ^= 1
            txn.put(name, bytes(body), db=store._chunks)

    def close(self) -> None:
        for shelf in self.shelves.values():
            shelf.store.close()
        assert not self.stopped


@contextmanager
def disks() -> Iterator[Path]:
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def play(actors: str, copies: int, story: Callable[[Media], Coroutine[Any, Any, None]]) -> None:
    """Tell a story of media actors, in fake time."""
    with disks() as folder:

        async def told() -> None:
            media = Media(folder, actors, copies)
            await story(media)
            await media.pool.close()
            media.close()

        run(told)
