"""Chunks of this machine, read and lent where they lie."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from api.files import chunk_hash
from media import here as heres
from media.here import CHUNKS, ChunksHere
from storage.chunk_changes import Checked
from storage.chunks import ChunkStore
from tests.unit.media.kit import disks
from tests.unit.media.test_roll import damage

RANDOM = [random.Random(n).randbytes(300_000 + n) for n in range(4)]
PACKED = b"text, and text again\n" * 1000
CHUNKS_HERE = [*RANDOM, PACKED]
NAMES = list(map(chunk_hash, CHUNKS_HERE))
MISSING = chunk_hash(b"missing")


class Machine:
    """A media actor's folder, and who reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ChunkStore(folder / "media-0" / CHUNKS)
        for name, chunk in zip(NAMES, CHUNKS_HERE, strict=True):
            self.store.put(name, chunk, 1)
        self.damaged: list[tuple[str, bytes]] = []
        own = {folder / "media-0" / CHUNKS: self.store}
        self.here = ChunksHere(folder, lambda *what: self.damaged.append(what), own)

    async def lent(self, names: list[bytes], most: int = 99) -> tuple[bool, list[bytes]]:
        used: list[bytes] = []

        def use(view: memoryview) -> bool:
            used.append(bytes(view))
            return len(used) < most

        return await self.here.lend(names, use), used


def play(story: Callable[[Machine], Awaitable[None]]) -> None:
    async def whole(folder: Path) -> None:
        machine = Machine(folder)
        await story(machine)
        machine.here.close()
        machine.store.close()

    with disks() as folder:
        asyncio.run(whole(folder))


def test_chunks_are_lent_in_their_order_until_no_more_is_wanted_or_one_is_not_here() -> None:
    async def story(machine: Machine) -> None:
        assert await machine.lent(NAMES) == (True, CHUNKS_HERE)
        assert await machine.lent(NAMES, most=2) == (True, CHUNKS_HERE[:2])
        assert await machine.lent([NAMES[0], MISSING, NAMES[1]]) == (False, CHUNKS_HERE[:1])
        assert await machine.lent([]) == (True, [])
        assert not machine.damaged

    play(story)


def test_what_use_raises_ends_it() -> None:
    async def story(machine: Machine) -> None:
        def use(view: memoryview) -> bool:
            raise ValueError("enough")

        with pytest.raises(ValueError, match="enough"):
            await machine.here.lend(NAMES, use)
        assert await machine.lent(NAMES) == (True, CHUNKS_HERE)

    play(story)


def test_have_is_of_all_and_without_those_known_to_be_damaged() -> None:
    async def story(machine: Machine) -> None:
        assert await machine.here.have(NAMES)
        assert not await machine.here.have([*NAMES, MISSING])
        machine.store.commit([Checked(NAMES[2], False)], 2)
        assert not await machine.here.have(NAMES)
        assert await machine.here.have(NAMES[:2])

    play(story)


def test_a_damaged_copy_is_told_and_not_lent() -> None:
    async def story(machine: Machine) -> None:
        damage(machine.folder, RANDOM[1])
        assert await machine.lent(NAMES) == (False, CHUNKS_HERE[:1])
        assert machine.damaged == [("media-0", NAMES[1])]
        assert await machine.here.get(NAMES[1]) is None

    play(story)


def test_what_was_compared_with_its_name_is_not_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[bytes] = []

    def noting(data: bytes | memoryview) -> bytes:
        compared.append(found := chunk_hash(data))
        return found

    async def story(machine: Machine) -> None:
        monkeypatch.setattr("storage.chunk_codec.chunk_hash", noting)
        await machine.lent(NAMES)
        assert compared == NAMES
        await machine.lent(NAMES)
        assert compared == NAMES
        assert await machine.here.get(NAMES[0]) == RANDOM[0]  # who keeps a copy compares
        assert compared == [*NAMES, NAMES[0]]
        monkeypatch.setattr(heres, "CHECKED_S", 0.0)
        compared.clear()
        await machine.lent(NAMES)
        assert compared == NAMES

    play(story)


def test_one_good_copy_says_nothing_of_another() -> None:
    async def story(machine: Machine) -> None:
        other = ChunkStore(machine.folder / "media-1" / CHUNKS)
        other.put(NAMES[0], RANDOM[0], 1)
        other.close()
        damage(machine.folder, RANDOM[0])
        for times in range(1, 4):
            assert await machine.lent(NAMES[:1]) == (True, RANDOM[:1])
            assert machine.damaged == [("media-0", NAMES[0])] * times

    play(story)


def test_what_was_found_to_be_damaged_since_is_compared_again() -> None:
    async def story(machine: Machine) -> None:
        await machine.lent(NAMES)
        damage(machine.folder, RANDOM[0])
        machine.store.commit([Checked(NAMES[0], False)], 2)
        assert await machine.lent(NAMES) == (False, [])

    play(story)
