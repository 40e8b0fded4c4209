"""The roster in a key-value store, and how hosts are found by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.lines.door import Door
from runtime.lines.host_lines import HostLines
from runtime.lines.lines import Clerk
from runtime.replication.protocol import Seat, Unavailable, encode
from shells.gcs import GcsRoster


class Values:
    """A key-value store in memory. `down`: it cannot be reached."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.down = False

    def get(self, key: bytes) -> bytes | None:
        self._reach()
        return self.rows.get(key)

    def put(self, key: bytes, value: bytes, *, overwrite: bool) -> bool:
        self._reach()
        if not overwrite and key in self.rows:
            return False
        self.rows[key] = value
        return True

    def keys(self, prefix: bytes) -> list[bytes]:
        self._reach()
        return [key for key in self.rows if key.startswith(prefix)]

    def delete(self, key: bytes) -> None:
        self._reach()
        self.rows.pop(key, None)

    def _reach(self) -> None:
        if self.down:
            raise ConnectionError("it is down")


class Life:
    """A life of a host: a door, and its place on the roster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.door = Door(lambda wire: Clerk(wire, self._serve))

    async def begin(self, roster: GcsRoster) -> None:
        address = await self.door.open("127.0.0.1")
        await roster.announce(Seat("host-0", "node", door=encode(address)))

    async def _serve(self, method: str, *arguments: Any) -> str:
        return self.name


def test_the_roster_tells_what_hosts_and_operators_say() -> None:
    async def test() -> None:
        roster = GcsRoster(Values(), "c")
        assert await roster.seat("host-0") is None
        seat = Seat("host-0", "node-a", "zone-a", door=b"door")
        await roster.announce(seat)
        await roster.mark("host-0", "drained")
        assert await roster.seat("host-0") == seat
        (marked,) = (await roster.seats()).values()
        assert (marked.mark, marked.door) == ("drained", b"door")
        await roster.remove("host-0")
        assert await roster.seats() == {}

    asyncio.run(test())


def test_a_host_is_found_in_its_next_life_and_while_the_roster_is_down() -> None:
    async def test() -> None:
        values = Values()
        roster = GcsRoster(values, "c")
        lines = HostLines(roster)
        with pytest.raises(Unavailable, match="not on the roster"):
            await lines.call("host-0", "who")
        first, second = Life("first"), Life("second")
        await first.begin(roster)
        assert await lines.call("host-0", "who") == "first"
        values.down = True
        lines.close()
        assert await lines.call("host-0", "who") == "first"
        first.door.close()
        lines.close()
        with pytest.raises(Unavailable):
            await lines.call("host-0", "who")
        values.down = False
        await second.begin(roster)
        assert await lines.call("host-0", "who") == "second"
        lines.close()
        second.door.close()

    asyncio.run(test())
