"""How fronts and media actors store and read chunks. asyncio, but no Ray.

A chunk is put on the R media actors that shall have it; on others where one is down. It is
acknowledged when all but one (at least one) have synced it. It is read from the first that has a
whole copy; one that shall have it and has not is given it again. So many chunks are under way at
most, and who wants more waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from api.errors import ApiError
from api.files import chunk_hash
from media.errors import Refused, worst
from media.placement import ranking
from runtime.replication.protocol import Seat, Unavailable

log = logging.getLogger(__name__)

CALL_S_MAX = 10.0
HEDGE_S = 0.5
"""Who does not bring a chunk within this time is not waited for alone."""
PUTS_MAX = 64
GETS_MAX = 64
MENDS_MAX = 8

Seats = Callable[[], Mapping[str, Seat]]
"""The media actors that there are, by name."""


class CallActor(Protocol):
    """Makes a call of a media actor's `Shelf`; raises what the transport raises."""

    async def __call__(self, actor: str, method: str, /, *args: Any) -> Any: ...


class Here(Protocol):
    """The chunks of this machine (`media.here`)."""

    async def get(self, name: bytes) -> bytes | None: ...

    async def lend(self, names: Sequence[bytes], use: Callable[[memoryview], bool]) -> bool: ...

    async def have(self, names: Sequence[bytes]) -> bool: ...


class ChunkMissing(Exception):
    """No media actor has a whole copy of a chunk."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no media actor has chunk {self.name.hex()}"


class Pool:
    """See the module. `copies` is R."""

    def __init__(
        self, call: CallActor, seats: Seats, copies: int, here: Here | None = None
    ) -> None:
        self._transport = call
        self._seats = seats
        self._copies = copies
        self._enough = max(1, copies - 1)
        self._here = here
        self._puts = asyncio.Semaphore(PUTS_MAX)
        self._gets = asyncio.Semaphore(GETS_MAX)
        self._mends: set[bytes] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.figures = dict.fromkeys(
            ("puts_total", "gets_total", "detours_total", "repairs_total"), 0
        )

    async def put(self, name: bytes, data: bytes, root: bytes | None = None) -> None:
        """Store a chunk, and note with it that the file `root` consists of it, so that it is kept;
        `data` must be what its name says. Raises Unavailable; Refused where somebody who is needed
        for it has no room, or too much to do."""
        await self._puts.acquire()
        enough: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        roots = () if root is None else (root,)
        task = self._begin(self._spread(enough, name, data, None, roots))
        task.add_done_callback(lambda _: self._puts.release())
        await enough
        self.figures["puts_total"] += 1

    async def _spread(self, enough: asyncio.Future[None], name: bytes, *chunk: Any) -> None:
        """Goes on, after there are enough, until there are all."""
        left = iter(ranking(name, self._seats()))
        tasks = set()
        errors: list[Unavailable] = []
        synced, missing = 0, self._copies
        try:
            while True:
                for _, actor in zip(range(missing), left, strict=False):
                    tasks.add(self._begin(self.call(actor, "adopt", name, *chunk)))
                if not tasks:
                    break
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                failed = [e for task in done if isinstance(e := task.exception(), Unavailable)]
                synced += len(done) - len(failed)
                missing = len(failed)
                errors += failed
                self.figures["detours_total"] += missing
                if synced >= self._enough and not enough.done():
                    enough.set_result(None)
        finally:  # also when the pool is closed meanwhile
            if not enough.done():
                nobody = Unavailable("there are no media actors")
                enough.set_exception(worst(errors or [nobody]))

    async def get(self, name: bytes) -> bytes:
        """A chunk that was found to be what its name says. Raises ChunkMissing, Unavailable (where
        somebody did not answer who might have it)."""
        async with self._gets:
            self.figures["gets_total"] += 1
            data = None if self._here is None else await self._here.get(name)
            return await self._fetch(name) if data is None else data

    async def lend(self, names: Sequence[bytes], use: Callable[[memoryview], bool]) -> bool:
        """See `media.here`."""
        return self._here is not None and await self._here.lend(names, use)

    async def have(self, names: Sequence[bytes]) -> bool:
        """Whether these chunks are on this machine, all of them."""
        return self._here is not None and await self._here.have(names)

    async def _fetch(self, name: bytes) -> bytes:
        order = ranking(name, self._seats())
        left = iter(order)
        tasks: dict[asyncio.Task[bytes | None], str] = {}
        poor: list[str] = []
        data: bytes | None = None
        silent = not order
        while data is None:
            actor = next(left, None)
            if actor is not None:
                tasks[self._begin(self.call(actor, "get", name))] = actor
            elif not tasks:
                break
            patience_s = None if actor is None else HEDGE_S
            done, _ = await asyncio.wait(
                tasks, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                asked = tasks.pop(task)
                if task.exception() is not None:
                    silent = True
                elif (found := task.result()) is not None and chunk_hash(found) == name:
                    data = found
                else:
                    poor.append(asked)
        for task in tasks:
            task.cancel()
        if data is None:
            raise Unavailable("who has a chunk is silent") if silent else ChunkMissing(name)
        self._mend(name, data, [actor for actor in poor if actor in order[: self._copies]])
        return data

    def ask_behind(self, actor: str, name: bytes) -> None:
        """Ask for a chunk behind everybody's back, and leave the answer."""
        self._begin(self.call(actor, "get", name))

    def _mend(self, name: bytes, data: bytes, actors: list[str]) -> None:
        """Give a chunk again to who has no whole copy of it, behind the reader's back."""
        if actors and name not in self._mends and len(self._mends) < MENDS_MAX:
            self._mends.add(name)
            task = self._begin(self._give(name, data, actors))
            task.add_done_callback(lambda _: self._mends.discard(name))

    async def _give(self, name: bytes, data: bytes, actors: list[str]) -> None:
        for actor in actors:
            log.warning("%s gets chunk %s again", actor, name.hex())
            await self.call(actor, "put", name, data)
            self.figures["repairs_total"] += 1

    async def hold(self, root: bytes, names: Sequence[bytes]) -> list[bytes]:
        """Note that a file consists of these chunks, with all who shall have them. Those that not
        enough of them have (and had them noted) are returned: they must be put again. Raises
        Unavailable where it is not known whether they have, for somebody did not answer; Refused
        where one had no room to note it."""
        seats = self._seats()
        orders = {name: ranking(name, seats) for name in names}
        held: Counter[bytes] = Counter()
        errors: list[Unavailable] = []
        first, rank = 0, self._copies
        while True:
            short = [name for name in orders if held[name] < self._enough]
            wanted: defaultdict[str, list[bytes]] = defaultdict(list)
            for name in short:
                for actor in orders[name][first:rank]:
                    wanted[actor].append(name)
            if not wanted:
                if short and errors:
                    raise worst(errors)
                return short
            calls = (self._hold_at(actor, root, chunks, errors) for actor, chunks in wanted.items())
            for kept in await asyncio.gather(*calls):
                held.update(kept)
            first, rank = rank, rank + 1

    async def _hold_at(
        self, actor: str, root: bytes, names: list[bytes], errors: list[Unavailable]
    ) -> list[bytes]:
        """Those that it holds now; none where it does not do it, which becomes one of `errors`."""
        try:
            missing = set(await self.call(actor, "hold", root, names))
        except Unavailable as error:
            errors.append(error)
            return []
        return [name for name in names if name not in missing]

    # --- calls ------------------------------------------------------------------------------------

    async def call(self, actor: str, method: str, *args: Any) -> Any:
        """A call; whatever keeps it from being answered soon is Unavailable, and Refused what the
        actor refuses."""
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await self._transport(actor, method, *args)
        except ApiError as error:
            raise Refused(error.code, f"{actor}: {error.detail}") from error
        except Exception as error:
            raise Unavailable(f"{actor}: {error or type(error).__name__}") from error

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Unavailable):
            log.info("%s", error)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
