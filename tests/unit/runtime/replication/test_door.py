"""Doors and connections to them, over real sockets of loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from runtime.lines import door as module
from runtime.lines.door import BUFFER_BYTES, KEY_BYTES, LENGTH_BYTES, Address, Door, connect
from runtime.lines.lines import Wire

LOOPBACK = "127.0.0.1"
TEST_S_MAX = 20.0


class Ear:
    """A station that keeps what it hears."""

    def __init__(self, wire: Wire | None = None) -> None:
        self.wire = wire
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.room = asyncio.Event()

    def received(self, frame: memoryview | bytes) -> None:
        self.heard.put_nowait(bytes(frame))

    def drained(self) -> None:
        self.room.set()

    def lost(self, reason: str) -> None:
        self.ended.set_result(reason)


class House:
    """A door, and who came in."""

    def __init__(self) -> None:
        self.guests: asyncio.Queue[Ear] = asyncio.Queue()
        self.door = Door(self._receive)
        self.address: Address

    def _receive(self, wire: Wire) -> Ear:
        guest = Ear(wire)
        self.guests.put_nowait(guest)
        return guest

    async def knock(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOOPBACK, self.address.port)


def at_a_door(test: Callable[[House], Awaitable[None]]) -> None:
    async def main() -> None:
        house = House()
        house.address = await house.door.open(LOOPBACK)
        async with asyncio.timeout(TEST_S_MAX):
            await test(house)
        house.door.close()

    asyncio.run(main())


def framed(frame: bytes) -> bytes:
    return len(frame).to_bytes(LENGTH_BYTES, "big") + frame


def test_frames_of_any_size_arrive_whole_and_in_order_both_ways() -> None:
    async def test(house: House) -> None:
        ear = Ear()
        wire = await connect(house.address, ear)
        guest = await house.guests.get()
        assert guest.wire is not None
        rng = random.Random(1)
        sizes = [0, 1, 5_000_000, 1, 0, 65_531, 65_532, 65_533, 70_000, 1_048_571, 1_048_573, 3]
        sizes += [rng.randrange(0, 300_000) for _ in range(40)]
        frames = [rng.randbytes(size) for size in sizes]
        for frame in frames:
            wire.send(frame)
            guest.wire.send(frame)
        assert [await guest.heard.get() for _ in frames] == frames
        assert [await ear.heard.get() for _ in frames] == frames
        wire.close()
        await guest.ended

    at_a_door(test)


def test_who_shows_a_wrong_key_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEY_S_MAX", 2 * TEST_S_MAX)

    async def test(house: House) -> None:
        reader, writer = await house.knock()
        writer.write(framed(bytes(KEY_BYTES)) + framed(house.address.key) + framed(b"do it"))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        assert house.guests.empty()

    at_a_door(test)


def test_who_has_no_key_cannot_make_the_host_keep_anything_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEY_S_MAX", 2 * TEST_S_MAX)

    async def test(house: House) -> None:
        reader, writer = await house.knock()
        writer.write((KEY_BYTES + 1).to_bytes(LENGTH_BYTES, "big"))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    at_a_door(test)


def test_a_key_in_pieces_is_a_key() -> None:
    async def test(house: House) -> None:
        _, writer = await house.knock()
        for byte in framed(house.address.key) + framed(b"hello"):
            writer.write(bytes([byte]))
            await writer.drain()
        guest = await house.guests.get()
        assert await guest.heard.get() == b"hello"
        writer.close()
        await guest.ended

    at_a_door(test)


def test_who_shows_no_key_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEY_S_MAX", 0.05)

    async def test(house: House) -> None:
        ear = Ear()
        await connect(house.address, ear)
        guest = await house.guests.get()
        reader, writer = await house.knock()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        assert not house.door.strangers
        assert not guest.ended.done(), "who has shown it stays"

    at_a_door(test)


def test_strangers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRANGERS_MAX", 2)

    async def test(house: House) -> None:
        first, second = await house.knock(), await house.knock()
        reader, writer = await house.knock()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        first[1].write(framed(house.address.key))
        guest = await house.guests.get()
        await connect(house.address, Ear())
        await house.guests.get()
        assert not guest.ended.done()
        for each in (writer, first[1], second[1]):
            each.close()

    at_a_door(test)


def test_a_wire_is_full_while_the_other_end_reads_nothing() -> None:
    async def test(house: House) -> None:
        reader, writer = await house.knock()
        writer.write(framed(house.address.key))
        guest = await house.guests.get()
        assert guest.wire is not None
        sent = 0
        while not guest.wire.full:
            guest.wire.send(bytes(BUFFER_BYTES))
            sent += BUFFER_BYTES + LENGTH_BYTES
            assert sent < 100 * BUFFER_BYTES
            await asyncio.sleep(0)
        await reader.readexactly(sent)
        await guest.room.wait()
        assert not guest.wire.full
        writer.close()
        await guest.ended

    at_a_door(test)


def test_a_door_that_closes_ends_its_connections() -> None:
    async def test(house: House) -> None:
        ear = Ear()
        await connect(house.address, ear)
        guest = await house.guests.get()
        assert guest.wire is not None
        guest.wire.send(b"the last word")
        house.door.close()
        assert await ear.heard.get() == b"the last word"
        await ear.ended
        with pytest.raises(ConnectionRefusedError):
            await connect(house.address, Ear())

    at_a_door(test)
