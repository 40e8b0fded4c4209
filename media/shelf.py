"""What a media actor answers to calls. asyncio, but no Ray.

It owns a `ChunkStore`. A change is durable when its call comes back. Changes that come during a
commit go together into the next one; what needs room waits apart from what makes room, so that a
full disk refuses only the first. Reads and packing are done in threads. Under overload, puts are
refused rather than queued. When the process dies, callers do not know whether a
change was made; all changes can be made twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from api.errors import ApiError
from media.errors import Refused
from runtime.replication.protocol import Unavailable
from storage.chunk_changes import Change, Checked, Drop, Hold, Put, cost
from storage.chunk_codec import CorruptChunk, may_shrink, pack, plain
from storage.chunks import ChunkStore
from storage.port import StorageFull

log = logging.getLogger(__name__)
R = TypeVar("R")

CALLS = {"put", "get", "state", "hold", "adopt", "ping"}
"""What other processes call."""
GROUP_BYTES = 16 * 1024 * 1024
"""A commit takes so much at most; what is larger alone is committed alone."""
WAITING_BYTES_MAX = 64 * 1024 * 1024
READERS = 4


class _Waiting(NamedTuple):
    change: Change
    future: asyncio.Future[Any]


class Shelf:
    """See the module. `stop` ends the process, where going on would be guessing."""

    def __init__(
        self,
        store: ChunkStore,
        clock: Callable[[], int],
        stop: Callable[[BaseException], None],
    ) -> None:
        self.store = store
        self.clock = clock
        self.on_damaged: Callable[[bytes], None] = lambda name: None
        """Told the name of a chunk that was found to be damaged."""
        self.figures = dict.fromkeys(
            ("puts_total", "gets_total", "damaged_total", "commits_total", "refused_total"), 0
        )
        self._stop = stop
        self._readers = ThreadPoolExecutor(READERS, "chunks")
        self._writer = ThreadPoolExecutor(1, "commits")
        self._taking: deque[_Waiting] = deque()
        self._freeing: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._committer: asyncio.Task[None] | None = None

    async def serve(self, method: str, *arguments: Any) -> Any:
        """Carry out the call of that name. What is refused is an ApiError, which travels."""
        assert method in CALLS, method
        try:
            return await getattr(self, method)(*arguments)
        except Refused as error:
            raise ApiError(error.code, error.reason) from error

    async def close(self) -> None:
        """Finish what was begun, and close the store."""
        if self._committer is not None:
            await self._committer
        self._writer.shutdown()
        self._readers.shutdown()
        self.store.close()

    # --- calls ------------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Whether anybody is there."""

    async def put(self, name: bytes, data: bytes) -> None:
        """Store a chunk, or touch it. Raises WrongName, Refused, Unavailable."""
        await self.adopt(name, data, None, ())

    async def adopt(
        self, name: bytes, data: bytes, touched_ms: int | None, roots: Sequence[bytes]
    ) -> None:
        """Store a chunk as it is elsewhere, with its holders."""
        if self._waiting_bytes + len(data) > WAITING_BYTES_MAX:
            self.figures["refused_total"] += 1
            raise Refused("overloaded", "too much waits to be stored")
        self._waiting_bytes += len(data)
        try:
            # To hash it takes no longer than to hand it to a thread; to pack it does.
            chunk = await self.read(pack, name, data) if may_shrink(data) else plain(name, data)
            await self.commit(Put(chunk, touched_ms, tuple(roots)))
        finally:
            self._waiting_bytes -= len(data)
        self.figures["puts_total"] += 1

    async def get(self, name: bytes) -> bytes | None:
        """A chunk; None if there is no whole one here."""
        self.figures["gets_total"] += 1
        try:
            return await self.read(self.store.get, name)
        except CorruptChunk:
            await self.found_damaged(name)
            return None

    async def state(self, names: Sequence[bytes]) -> list[bytes | None]:
        """For each chunk that is here a fingerprint of its holders, else None."""
        return await self.read(self._state, names)

    def _state(self, names: Sequence[bytes]) -> list[bytes | None]:
        return [
            None if facts is None or facts.damaged else self.store.fingerprint(name)
            for name, facts in zip(names, self.store.facts(names), strict=True)
        ]

    async def hold(
        self, root: bytes, names: Sequence[bytes], touched_ms: int | None = None
    ) -> list[bytes]:
        """See `Hold`. Raises Refused, Unavailable."""
        missing: list[bytes] = await self.commit(Hold(root, names, touched_ms))
        return missing

    # --- within the process -----------------------------------------------------------------------

    async def read(self, work: Callable[..., R], *arguments: Any) -> R:
        """Do something in a thread that reads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, work, *arguments)

    async def found_damaged(self, name: bytes) -> None:
        log.error("chunk %s is damaged here", name.hex())
        self.figures["damaged_total"] += 1
        await self.commit(Checked(name, False))
        self.on_damaged(name)

    async def commit(self, change: Change) -> Any:
        """Make a change, together with others; its result. Raises Refused where there is no room,
        Unavailable where the disk failed."""
        future = asyncio.get_running_loop().create_future()
        frees = isinstance(change, Drop | Checked)
        (self._freeing if frees else self._taking).append(_Waiting(change, future))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_all())
        return await future

    async def _commit_all(self) -> None:
        while self._freeing or self._taking:
            for queue in (self._freeing, self._taking):
                if queue:
                    await self._commit_group(_group(queue))
        self._committer = None

    async def _commit_group(self, group: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        changes = [waiting.change for waiting in group]
        try:
            results = await loop.run_in_executor(
                self._writer, self.store.commit, changes, self.clock()
            )
        except Exception as error:
            full = isinstance(error, StorageFull)
            if not full:
                self._stop(error)
            log.error("%s", error)
            self.figures["refused_total"] += len(group)
            for _, future in group:
                if not future.done():
                    refusal = (
                        Refused("storage_full", str(error)) if full else Unavailable(str(error))
                    )
                    future.set_exception(refusal)
            return
        self.figures["commits_total"] += 1
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)


def _group(queue: deque[_Waiting]) -> list[_Waiting]:
    """What goes into the next commit."""
    size = 0
    found: list[_Waiting] = []
    while queue:
        size += cost(queue[0].change)
        if found and size > GROUP_BYTES:
            break
        found.append(queue.popleft())
    return found
