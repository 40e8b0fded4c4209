"""No order of the steps of an upload and of collectors loses a chunk that the upload needs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from api.files import chunk_hash
from media.collector import GRACE_MS, Collector
from media.shelf import Shelf
from storage.chunk_changes import Change
from tests.unit.media.kit import DAY_MS, OTHER, ROOT, Media, disks
from tests.unit.runtime.fake_time import idle, run

DATA = b"a part of two files"
NAME = chunk_hash(DATA)
STEPS_OF_AN_UPLOAD, STEPS_OF_A_COLLECTOR = 5, 6


class Turns:
    """Lets parties make their steps in a given order, one at a time."""

    def __init__(self, order: Sequence[str]) -> None:
        self._order = order
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.steps: list[str] = []

    async def take(self, party: str) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting[party] = future
        await future

    async def play(self, **parties: Coroutine[Any, Any, None]) -> None:
        """Who has no turn left when the order ends goes on in any order."""
        tasks = [asyncio.create_task(party) for party in parties.values()]
        for party in self._order:
            await idle()
            self._go(party)
        while self._waiting:
            self._go(next(iter(self._waiting)))
            await idle()
        await asyncio.gather(*tasks)

    def _go(self, party: str) -> None:
        if party in self._waiting:
            self.steps.append(party)
            self._waiting.pop(party).set_result(None)


class File:
    """What a file's actor knows."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self.uploaded_ms = 0
        self.referred = False

    def condemned(self) -> bool:
        return not self.referred and self._media.now_ms - self.uploaded_ms >= GRACE_MS


class SlowShelf:
    """A shelf whose calls wait for a turn, for its collector."""

    def __init__(self, shelf: Shelf, turns: Turns, party: str) -> None:
        self._shelf = shelf
        self._turns = turns
        self._party = party
        self.store = shelf.store
        self.clock = shelf.clock

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        await self._turns.take(self._party)
        return await self._shelf.read(work, *args)

    async def commit(self, change: Change) -> Any:
        await self._turns.take(self._party)
        return await self._shelf.commit(change)


async def upload(media: Media, turns: Turns, file: File, at_once: bool) -> None:
    """The second upload of a file that nobody refers to any more. `at_once`: its only chunk is put
    and held in one step."""
    missing: list[bytes] = [NAME]
    while missing and not at_once:
        await turns.take("upload")
        await media.pool.put(NAME, DATA)
        await turns.take("upload")
        missing = await media.pool.hold(ROOT, [NAME])
    if at_once:
        await turns.take("upload")
        await media.pool.put(NAME, DATA, ROOT)
    await turns.take("upload")
    file.uploaded_ms = media.now_ms  # the ticket is given out
    await turns.take("upload")
    file.referred = True  # the message arrives


async def collect(media: Media, actor: str, turns: Turns, file: File, party: str) -> None:
    async def condemned(root: bytes) -> bool:
        await turns.take(party)
        return root == OTHER or file.condemned()

    shelf = SlowShelf(media.shelves[actor], turns, party)
    await Collector(shelf, condemned).run()  # type: ignore[arg-type]


async def story(
    folder: Path, actors: str, order: Sequence[str], *roots: bytes, at_once: bool = False
) -> list[str]:
    """Returns the steps that were made."""
    media = Media(folder, actors, len(actors))
    file = File(media)
    for actor in actors:
        media.put_at(actor, DATA, media.now_ms - 8 * DAY_MS, *roots)
    turns = Turns(order)
    collectors = {actor: collect(media, actor, turns, file, actor) for actor in actors}
    await turns.play(upload=upload(media, turns, file, at_once), **collectors)
    await check(media, file)
    media.now_ms += 30 * DAY_MS
    await check(media, file)
    file.referred = False
    media.now_ms += 1
    for actor in actors:
        await collect_alone(media, actor, file)
    assert media.having(NAME) == set(), "it goes when nobody needs it"
    await media.pool.close()
    media.close()
    return turns.steps


async def check(media: Media, file: File) -> None:
    for actor in sorted(media.seats):
        await collect_alone(media, actor, file)
    assert await media.pool.get(NAME) == DATA
    assert any(ROOT in media.shelves[a].store.holders(NAME) for a in media.seats)


async def collect_alone(media: Media, actor: str, file: File) -> None:
    async def condemned(root: bytes) -> bool:
        return root == OTHER or file.condemned()

    await Collector(media.shelves[actor], condemned).run()


def merged(first: int, second: int) -> Iterator[list[str]]:
    """All orders of so many steps of an upload and of a collector."""
    for places in combinations(range(first + second), first):
        yield ["upload" if n in places else "a" for n in range(first + second)]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("roots", [(), (ROOT,), (OTHER,), (ROOT, OTHER)])
def test_in_every_order(roots: tuple[bytes, ...], at_once: bool) -> None:
    played = set()
    with disks() as folder:
        orders = merged(STEPS_OF_AN_UPLOAD - 2 * at_once, STEPS_OF_A_COLLECTOR)
        for n, order in enumerate(orders):
            told = partial(story, folder / f"{n}", "a", order, *roots, at_once=at_once)
            played.add(tuple(run(told)))
    assert len(played) >= (25 if at_once else 40)


def test_in_many_orders_with_two_copies() -> None:
    rng = random.Random(1)
    with disks() as folder:
        for n in range(300):
            order = ["upload"] * 5 + ["a"] * 6 + ["b"] * 6
            rng.shuffle(order)
            run(partial(story, folder / f"{n}", "ab", order, ROOT, at_once=n % 2 == 1))
