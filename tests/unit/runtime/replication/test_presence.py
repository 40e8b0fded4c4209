"""How processes keep themselves on the roster, and wait for others to be there."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runtime.lines import host_lines
from runtime.lines.door import Door
from runtime.lines.host_lines import HostLines
from runtime.lines.lines import Clerk
from runtime.lines.presence import ANNOUNCE_S, STEP_S, Presence
from runtime.replication.protocol import MemoryRoster, Seat, Unavailable, encode
from tests.unit.runtime.fake_time import run

LOOPBACK = "127.0.0.1"
SEAT = Seat("host-0", "node", door=b"door")


class Roster(MemoryRoster):
    """One that tells of one host, too."""

    async def seat(self, host: str) -> Seat | None:
        return (await self.seats()).get(host)


def test_a_process_stays_on_the_roster_also_where_that_is_emptied_or_changed() -> None:
    async def main() -> None:
        roster = Roster()
        presence = Presence(roster, SEAT)
        presence.start()
        await asyncio.sleep(0.01)
        assert await roster.seat("host-0") == SEAT
        await roster.mark("host-0", "drained")
        roster.announced.clear()
        await asyncio.sleep(ANNOUNCE_S + STEP_S)
        assert roster.announced == {"host-0": SEAT}
        assert roster.marks == {"host-0": "drained"}, "its mark stays as it was"
        roster.announced["host-0"] = Seat("host-0", "node", door=b"of an earlier life")
        await asyncio.sleep(ANNOUNCE_S + STEP_S)
        assert roster.announced == {"host-0": SEAT}
        await presence.close()

    run(main)


def test_a_roster_that_cannot_be_reached_is_tried_again() -> None:
    async def main() -> None:
        roster = Roster()
        roster.down = True
        presence = Presence(roster, SEAT)
        presence.start()
        await asyncio.sleep(5.0)
        roster.down = False
        await asyncio.sleep(STEP_S + 0.01)
        assert roster.announced == {"host-0": SEAT}
        await presence.close()

    run(main)


def test_a_host_that_is_being_made_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real socket: only who asked for it is kept waiting, and it blocks in a thread."""
    made: list[str] = []
    asked = threading.Event()
    roster = Roster()

    def make(host: str) -> bool:
        made.append(host)
        asked.set()
        return host != "nobody"

    async def serve(method: str, *arguments: object) -> str:
        return method

    async def main() -> None:
        door = Door(lambda wire: Clerk(wire, serve))
        address = await door.open(LOOPBACK)
        lines = HostLines(roster, await_host=make)
        call = asyncio.create_task(lines.call("host-0", "hello"))
        assert await asyncio.to_thread(asked.wait, 10.0)
        assert not call.done()
        await roster.announce(Seat("host-0", "node", door=encode(address)))
        assert await call == "hello"
        with pytest.raises(Unavailable, match="not on the roster"):
            await lines.call("nobody", "hello")
        monkeypatch.setattr(host_lines, "CONNECT_S_MAX", 0.05)
        with pytest.raises(Unavailable, match="TimeoutError"):
            await lines.call("host-9", "hello")
        assert made == ["host-0", "nobody", "host-9"]
        lines.close()
        door.close()
        with pytest.raises(Unavailable):
            await lines.call("host-0", "hello")
        assert made[3:] == ["host-0"], "nobody answers at its door: it may have to be made anew"
        lines.close()

    asyncio.run(main())
