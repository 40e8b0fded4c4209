"""Who is a media actor, and how they are called by real sockets."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from api.files import chunk_hash
from media.here import CHUNKS, ChunksHere
from media.pool import Pool
from media.roll import STEP_S, Membership, Roll
from media.shelf import Shelf
from runtime.lines.door import Door
from runtime.lines.host_lines import HostLines
from runtime.lines.lines import Clerk
from runtime.replication.protocol import MemoryRoster, Seat, Unavailable, encode
from storage.chunk_codec import CHUNK_BYTES_MAX
from storage.chunks import ChunkStore
from tests.unit.media.kit import ROOT, disks
from tests.unit.runtime.fake_time import run

LOST_S = 60.0


class Actors:
    """Media actors that are on the roster."""

    def __init__(self, names: str) -> None:
        self.roster = MemoryRoster()
        self.down: set[str] = set()
        self.members = {
            name: Membership(self.roster, Seat(name, name), self.ping, LOST_S) for name in names
        }
        for member in self.members.values():
            member.start()

    async def ping(self, actor: str) -> None:
        if actor in self.down:
            raise Unavailable("it is down")

    async def close(self) -> None:
        for member in self.members.values():
            await member.close()


def test_who_is_there_is_known_to_all() -> None:
    async def story() -> None:
        actors = Actors("abc")
        roll = Roll(actors.roster)
        roll.start()
        await asyncio.sleep(2 * STEP_S)
        for member in (roll, *actors.members.values()):
            assert set(member.seats()) == set("abc")
        await roll.close()
        await actors.close()

    run(story)


def test_who_is_silent_for_long_is_taken_off_and_may_come_back() -> None:
    async def story() -> None:
        actors = Actors("abc")
        await asyncio.sleep(2 * STEP_S)
        await actors.members["c"].close()
        actors.down = {"c"}
        await asyncio.sleep(LOST_S - 2 * STEP_S)
        actors.down = set()
        await asyncio.sleep(2 * STEP_S)
        actors.down = {"c"}
        await asyncio.sleep(LOST_S - 2 * STEP_S)
        assert set(actors.members["a"].seats()) == set("abc"), "it was heard in between"
        await asyncio.sleep(4 * STEP_S)
        assert set(actors.members["a"].seats()) == set("ab")
        actors.down = set()
        actors.members["c"].start()
        await asyncio.sleep(2 * STEP_S)
        assert set(actors.members["a"].seats()) == set("abc")
        await actors.close()

    run(story)


def test_a_roster_that_was_lost_is_made_again() -> None:
    async def story() -> None:
        actors = Actors("ab")
        await asyncio.sleep(2 * STEP_S)
        for actor in "ab":
            await actors.roster.remove(actor)
        await asyncio.sleep(2 * STEP_S)
        assert set(actors.members["a"].seats()) == set("ab")
        await actors.close()

    run(story)


class Doors:
    """A roster of doors."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}

    async def seat(self, host: str) -> Seat | None:
        return self.seats.get(host)


def test_chunks_go_through_sockets_and_are_read_from_this_machine() -> None:
    async def story(folder: Path) -> None:
        doors, opened, shelves = Doors(), [], []
        for name in ("media-0", "media-1", "media-2"):
            store = ChunkStore(folder / name / CHUNKS, reserve_bytes=0, step_bytes=0)
            shelf = Shelf(store, lambda: 1, lambda error: None)
            door = Door(lambda wire, shelf=shelf: Clerk(wire, shelf.serve))  # type: ignore[misc]
            address = await door.open("127.0.0.1")
            doors.seats[name] = Seat(name, name, door=encode(address))
            opened.append(door)
            shelves.append(shelf)
        lines = HostLines(doors)
        pool = Pool(lines.call, lambda: doors.seats, 2)
        chunks = [random.Random(n).randbytes(CHUNK_BYTES_MAX - n) for n in range(40)]
        names = [chunk_hash(chunk) for chunk in chunks]
        await asyncio.gather(*map(pool.put, names, chunks))
        missing = chunk_hash(b"missing")
        assert await pool.hold(ROOT, [*names, missing]) == [missing]
        assert await asyncio.gather(*map(pool.get, names)) == chunks
        (state,) = await pool.call("media-0", "state", [missing])
        assert state is None
        with pytest.raises(Unavailable):
            await pool.call("media-0", "drop", missing)
        await pool.call("media-0", "adopt", chunk_hash(b"a"), b"a", 7, [ROOT])
        assert shelves[0].store.holders(chunk_hash(b"a")) == [ROOT]
        await pool.close()
        lines.close()
        for door in opened:
            door.close()
        for shelf in shelves:
            await shelf.close()
        told: list[tuple[str, bytes]] = []
        here = ChunksHere(folder, lambda actor, name: told.append((actor, name)))
        assert [await here.get(name) for name in names] == chunks
        assert await here.get(missing) is None
        assert not told
        damage(folder, chunks[1])
        assert await here.get(names[1]) == chunks[1]  # the other copy
        assert [name for _, name in told] == [names[1]]
        here.close()

    with disks() as folder:
        asyncio.run(story(folder))


def damage(folder: Path, chunk: bytes) -> None:
    """Change a byte of one copy on the disk: of the one that is read first."""
    path = min(folder.glob("media-*/**/data.mdb"))
    with open(path, "r+b") as file:
        at = file.read().index(chunk)
        file.seek(at + len(chunk) // 2)
        file.write(bytes([chunk[len(chunk) // 2] ^ 1]))


def test_where_there_is_no_media_actor_nothing_is_read() -> None:
    async def story(folder: Path) -> None:
        here = ChunksHere(folder, lambda actor, name: None)
        assert await here.get(chunk_hash(b"a")) is None
        (folder / "media-0" / CHUNKS).mkdir(parents=True)
        here = ChunksHere(folder, lambda actor, name: None)
        assert await here.get(chunk_hash(b"a")) is None
        here.close()

    with disks() as folder:
        asyncio.run(story(folder))
