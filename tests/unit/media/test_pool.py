"""Chunks are stored, read and held while media actors are down, slow, or wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from api.errors import ApiError
from api.files import chunk_hash
from media import pool as pools
from media.chunks import PooledChunks
from media.placement import ranking
from media.pool import ChunkMissing, Pool
from media.shelf import GROUP_BYTES
from runtime.replication.protocol import Unavailable
from storage.chunk_changes import Change, Checked, Put
from storage.chunk_codec import CHUNK_BYTES_MAX, pack
from storage.chunks import ChunkStore
from storage.port import StorageFailed, StorageFull
from tests.unit.media.kit import OTHER, ROOT, Media, play
from tests.unit.runtime.fake_time import fake_loop, idle

DATA = b"a photograph"
NAME = chunk_hash(DATA)


def test_a_chunk_is_stored_where_it_shall_be() -> None:
    async def story(media: Media) -> None:
        await media.pool.put(NAME, DATA)
        await idle()
        assert media.having(NAME) == set(media.owners(NAME))
        assert await media.pool.get(NAME) == DATA

    play("abcd", 2, story)


def test_a_chunk_is_stored_with_the_file_that_consists_of_it() -> None:
    async def story(media: Media) -> None:
        await media.pool.put(NAME, DATA, ROOT)
        await idle()
        assert {media.shelves[a].figures["commits_total"] for a in media.owners(NAME)} == {1}
        await media.pool.put(NAME, DATA, OTHER)
        await idle()
        for actor in media.owners(NAME):
            assert media.shelves[actor].store.holders(NAME) == [ROOT, OTHER]

    play("abcd", 2, story)


@pytest.mark.parametrize(("copies", "slow", "waits"), [(1, 1, True), (2, 1, False), (2, 2, True)])
def test_all_but_one_are_waited_for(copies: int, slow: int, waits: bool) -> None:
    async def story(media: Media) -> None:
        media.slow = dict.fromkeys(media.owners(NAME)[:slow], 5.0)
        begun_s = fake_loop().time()
        await media.pool.put(NAME, DATA)
        assert (fake_loop().time() - begun_s >= 5.0) == waits
        await asyncio.sleep(6.0)
        assert media.having(NAME) == set(media.owners(NAME)), "the last one gets it later"

    play("abcd", copies, story)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_others_stand_in_for_those_that_are_down(copies: int) -> None:
    async def story(media: Media) -> None:
        media.down = set(media.owners(NAME)[:2])
        await media.pool.put(NAME, DATA)
        await idle()
        up = [actor for actor in ranking(NAME, media.seats) if actor not in media.down]
        assert media.having(NAME) == set(up[:copies])
        assert await media.pool.get(NAME) == DATA
        assert await media.pool.hold(ROOT, [NAME]) == []

    play("abcde", copies, story)


def test_where_too_few_are_up_nothing_is_promised() -> None:
    async def story(media: Media) -> None:
        media.down = set("abcd") - set(media.owners(NAME)[:1])
        with pytest.raises(Unavailable):
            await media.pool.put(NAME, DATA)
        media.down = set("abcd")
        with pytest.raises(Unavailable):
            await media.pool.get(NAME)

    play("abcd", 3, story)


def test_what_nobody_has_is_missing_and_what_a_silent_one_may_have_is_not() -> None:
    async def story(media: Media) -> None:
        with pytest.raises(ChunkMissing, match=NAME.hex()):
            await media.pool.get(NAME)
        media.down = {"c"}
        with pytest.raises(Unavailable):
            await media.pool.get(NAME)

    play("abcd", 2, story)


def test_a_slow_one_is_not_waited_for_alone() -> None:
    async def story(media: Media) -> None:
        await media.pool.put(NAME, DATA)
        await idle()
        media.slow = {media.owners(NAME)[0]: 5.0}
        begun_s = fake_loop().time()
        assert await media.pool.get(NAME) == DATA
        assert 0.4 < fake_loop().time() - begun_s < 0.6

    play("abcd", 2, story)


@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_a_copy_that_is_not_whole_is_repaired_by_who_reads_it(fault: str) -> None:
    async def story(media: Media) -> None:
        await media.pool.put(NAME, DATA)
        await idle()
        first = media.owners(NAME)[0]
        shelf = media.shelves[first]
        if fault == "damaged":
            media.spoil(first, NAME)
        else:
            assert shelf.store.drop(NAME, media.now_ms)
        assert await media.pool.get(NAME) == DATA
        await idle()
        assert shelf.store.get(NAME) == DATA
        assert shelf.figures["damaged_total"] == (fault == "damaged")
        assert media.pool.figures["repairs_total"] == 1
        await media.pool.get(NAME)
        await idle()
        assert media.pool.figures["repairs_total"] == 1

    play("abcd", 2, story)


def test_what_arrives_wrong_is_not_believed() -> None:
    async def story(media: Media) -> None:
        await media.pool.put(NAME, DATA)
        await idle()
        liar = media.owners(NAME)[0]

        async def call(actor: str, method: str, *args: Any) -> Any:
            answer = await media.call(actor, method, *args)
            return b"something else" if (actor, method) == (liar, "get") else answer

        pool = Pool(call, lambda: media.seats, 2)
        assert await pool.get(NAME) == DATA
        await pool.close()

    play("abcd", 2, story)


def test_what_is_on_this_machine_is_read_without_a_call() -> None:
    async def story(media: Media) -> None:
        class Here:
            async def get(self, name: bytes) -> bytes | None:
                return DATA if name == NAME else None

            async def lend(self, names: Sequence[bytes], use: Callable[[memoryview], bool]) -> bool:
                return all(use(memoryview(DATA)) for name in names if name == NAME)

            async def have(self, names: Sequence[bytes]) -> bool:
                return set(names) == {NAME}

        used: list[bytes] = []
        pool = Pool(media.call, lambda: media.seats, 2, Here())
        assert await pool.get(NAME) == DATA
        assert await pool.have([NAME])
        assert await pool.lend([NAME], lambda view: bool(used.append(bytes(view)) or True))
        assert used == [DATA]
        nobody = Pool(media.call, lambda: media.seats, 2)
        assert not await nobody.have([NAME])
        assert not await nobody.lend([NAME], lambda view: True)
        assert media.calls == []
        with pytest.raises(ChunkMissing):
            await pool.get(chunk_hash(b"else"))

    play("abcd", 2, story)


def test_holding_is_noted_by_all_who_have_it_and_tells_what_is_missing() -> None:
    async def story(media: Media) -> None:
        names = []
        for n in range(20):
            names.append(chunk_hash(b"%d" % n))
            if n % 5:
                await media.pool.put(names[-1], b"%d" % n)
        await idle()
        assert await media.pool.hold(ROOT, names) == names[::5]
        for n, name in enumerate(names):
            roots = [media.shelves[a].store.holders(name) for a in media.owners(name)]
            assert roots == [[ROOT] if n % 5 else []] * 2

    play("abcd", 2, story)


def test_a_chunk_on_too_few_has_to_be_put_again() -> None:
    async def story(media: Media) -> None:
        owners = media.owners(NAME)
        media.put_at(owners[0], DATA, media.now_ms)
        assert await media.pool.hold(ROOT, [NAME]) == [NAME]
        await media.pool.put(NAME, DATA)
        assert await media.pool.hold(ROOT, [NAME]) == []
        media.spoil(owners[0], NAME)
        await media.shelves[owners[0]].get(NAME)
        media.down = {owners[1]}
        with pytest.raises(Unavailable):  # who is down may have it
            await media.pool.hold(OTHER, [NAME])

    play("abc", 3, story)


def test_only_so_much_is_under_way() -> None:
    async def story(media: Media) -> None:
        media.slow = dict.fromkeys("abcd", 1.0)
        chunks = {chunk_hash(b"%d" % n): b"%d" % n for n in range(300)}
        await asyncio.gather(*(media.pool.put(name, data) for name, data in chunks.items()))
        assert media.under_way_max == 2 * pools.PUTS_MAX
        await asyncio.sleep(2.0)
        media.under_way_max = 0
        media.slow = dict.fromkeys("abcd", 0.2)
        await asyncio.gather(*map(media.pool.get, chunks))
        assert media.under_way_max == pools.GETS_MAX

    play("abcd", 2, story)


# --- one media actor ------------------------------------------------------------------------------


def test_changes_that_come_together_are_committed_together() -> None:
    async def story(media: Media) -> None:
        shelf = media.shelves["a"]
        data = [b"%d" % n for n in range(50)]
        await asyncio.gather(*(shelf.put(chunk_hash(d), d) for d in data))
        assert shelf.figures["commits_total"] == 1
        assert shelf.store.stats().chunks == 50

    play("a", 1, story)


def test_a_commit_is_of_limited_size() -> None:
    async def story(media: Media) -> None:
        shelf = media.shelves["a"]
        sizes: list[int] = []
        commit = ChunkStore.commit

        def counted(store: ChunkStore, changes: Sequence[Change], now_ms: int) -> list[Any]:
            sizes.append(sum(len(c.chunk.body) for c in changes if isinstance(c, Put)))
            return commit(store, changes, now_ms)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ChunkStore, "commit", counted)
            rng = random.Random(1)
            data = [rng.randbytes(CHUNK_BYTES_MAX) for _ in range(60)]
            await asyncio.gather(*(shelf.put(chunk_hash(d), d) for d in data))
        assert max(sizes) <= GROUP_BYTES
        assert sum(sizes) == 60 * CHUNK_BYTES_MAX
        assert len(sizes) < 5

    play("a", 1, story)


def test_who_brings_too_much_at_once_is_refused() -> None:
    async def story(media: Media) -> None:
        shelf = media.shelves["a"]
        chunk = bytes(CHUNK_BYTES_MAX)
        name = chunk_hash(chunk)
        puts = [shelf.put(name, chunk) for _ in range(129)]
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 1
        await shelf.put(name, chunk)

    play("a", 1, story)


def test_a_full_disk_refuses_what_needs_room_and_nothing_else() -> None:
    async def story(media: Media) -> None:
        shelf = media.shelves["a"]
        await shelf.put(NAME, DATA)
        commit = ChunkStore.commit

        def full(store: ChunkStore, changes: Sequence[Change], now_ms: int) -> list[Any]:
            if any(isinstance(change, Put) for change in changes):
                raise StorageFull("no room for chunks")
            return commit(store, changes, now_ms)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ChunkStore, "commit", full)
            (facts,) = shelf.store.facts([NAME])
            assert facts is not None
            other = chunk_hash(b"else")
            changes = (Put(pack(other, b"else")), Checked(NAME, False))
            refused, done = await asyncio.gather(
                *map(shelf.commit, changes), return_exceptions=True
            )
            assert isinstance(refused, Unavailable)
            assert done is None
            (facts,) = shelf.store.facts([NAME])
            assert facts is not None
            assert facts.damaged
        await shelf.put(other, b"else")

    play("a", 1, story)


def fill_up(media: Media, *actors: str) -> None:
    """The disks of these have no room for anything more."""

    def full(changes: Sequence[Change], now_ms: int) -> list[Any]:
        raise StorageFull("no room for chunks")

    for actor in actors:
        media.shelves[actor].store.commit = full  # type: ignore[method-assign]


async def refusal(call: Any) -> str:
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value.code


@pytest.mark.parametrize(("actors", "copies"), [("a", 1), ("abc", 2)])
def test_a_full_disk_is_told_as_one(actors: str, copies: int) -> None:
    async def story(media: Media) -> None:
        chunks = PooledChunks(media.pool)
        await chunks.put(NAME, DATA)
        fill_up(media, *actors)
        assert await refusal(chunks.put(chunk_hash(b"else"), b"else")) == "storage_full"
        assert await refusal(chunks.put(chunk_hash(b"thumb"), b"thumb", ROOT)) == "storage_full"
        assert await refusal(chunks.hold(ROOT, [NAME])) == "storage_full", "not: it is deleted"
        assert await chunks.get(NAME) == DATA

    play(actors, copies, story)


def test_a_full_disk_is_told_before_one_that_is_silent() -> None:
    async def story(media: Media) -> None:
        first = media.owners(NAME)[0]
        fill_up(media, first)
        media.down = set("abc") - {first}
        assert await refusal(PooledChunks(media.pool).put(NAME, DATA)) == "storage_full"
        media.down = set("abc")
        assert await refusal(PooledChunks(media.pool).put(NAME, DATA)) == "unavailable"

    play("abc", 2, story)


def test_where_one_disk_is_full_others_stand_in() -> None:
    async def story(media: Media) -> None:
        fill_up(media, *media.owners(NAME))
        await media.pool.put(NAME, DATA)
        await idle()
        assert media.having(NAME) == set("abcd") - set(media.owners(NAME))
        assert await media.pool.hold(ROOT, [NAME]) == []

    play("abcd", 2, story)


def test_what_a_silent_one_may_have_is_not_told_as_deleted() -> None:
    async def story(media: Media) -> None:
        await media.pool.put(NAME, DATA)
        await idle()
        media.down = {"a"}
        chunks = PooledChunks(media.pool)
        assert await refusal(chunks.hold(ROOT, [NAME])) == "unavailable"
        media.down = set()
        await chunks.hold(ROOT, [NAME])
        assert await refusal(chunks.hold(ROOT, [chunk_hash(b"never")])) == "upload_incomplete"

    play("a", 1, story)


def test_too_much_at_once_is_told_as_that() -> None:
    async def story(media: Media) -> None:
        media.shelves["a"]._waiting_bytes = 64 * 1024 * 1024
        assert await refusal(PooledChunks(media.pool).put(NAME, DATA)) == "overloaded"

    play("a", 1, story)


def test_a_disk_that_fails_stops_the_process() -> None:
    async def story(media: Media) -> None:
        shelf = media.shelves["a"]

        def failed(store: ChunkStore, changes: Sequence[Change], now_ms: int) -> list[Any]:
            raise StorageFailed("gone")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ChunkStore, "commit", failed)
            with pytest.raises(Unavailable):
                await shelf.put(NAME, DATA)
        assert isinstance(media.stopped.pop(), StorageFailed)

    play("a", 1, story)
