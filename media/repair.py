"""Copies where they shall be: made again after a media actor was lost, moved when one comes, and
given again where one is damaged. asyncio, but no Ray.

Each media actor looks after the chunks that it has itself. Of those who have a chunk, the first in
its ranking gives it to those who shall have it and have not. With a copy go its holders and when it
was touched; where two copies differ in their holders, both get them all.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from api.files import chunk_hash
from media.placement import ranking
from media.pool import Pool, Seats
from media.shelf import Shelf
from runtime.replication.parts import Pace
from runtime.replication.protocol import Unavailable
from storage.chunk_changes import Checked, Drop, Put
from storage.chunk_codec import CorruptChunk, Facts, pack

log = logging.getLogger(__name__)

BATCH = 128
SETTLED_MS: Final = 3_600_000
"""A chunk that was touched since is not taken away from who shall not have it any more."""
GIVE_BYTES_PER_S = 32 * 1024 * 1024


class Repairer:
    """See the module. `settle(name, facts)` collects a chunk if that is due, and says whether it is
    gone: what nobody needs is not given to others."""

    def __init__(
        self,
        own: str,
        shelf: Shelf,
        pool: Pool,
        seats: Seats,
        copies: int,
        settle: Callable[[bytes, Facts], Awaitable[bool]],
    ) -> None:
        self._own = own
        self._shelf = shelf
        self._pool = pool
        self._seats = seats
        self._copies = copies
        self._settle = settle
        self._pace = Pace(GIVE_BYTES_PER_S)
        self._repaired_for: frozenset[str] | None = None
        self.figures = dict.fromkeys(
            ("given_total", "moved_away_total", "mended_total", "beyond_repair", "copies_missing"),
            0,
        )

    async def run(self) -> None:
        """Look at all chunks here. When media actors came or went, those with fewest copies
        first."""
        actors = frozenset(self._seats())
        first = self._copies if actors == self._repaired_for else 1
        for level in range(first, self._copies + 1):
            await self._pass(level)
        if actors == frozenset(self._seats()):
            self._repaired_for = actors

    async def _pass(self, level: int) -> None:
        """Give others what at most so many have."""
        missing = lost = 0
        after = b""
        while batch := await self._shelf.read(self._shelf.store.scan, after, BATCH):
            after = batch[-1][0]
            for name in [name for name, facts in batch if facts.damaged]:
                lost += not await self.mend(name)
            whole = {name: facts for name, facts in batch if not facts.damaged}
            missing += await self._tend(whole, level)
        self.figures["copies_missing"] = missing
        self.figures["beyond_repair"] = lost

    async def _tend(self, chunks: Mapping[bytes, Facts], level: int) -> int:
        """How many copies are missing still."""
        seats = self._seats()
        orders = {name: ranking(name, seats) for name in chunks}
        states = await self._states(orders)
        missing = 0
        for name, order in orders.items():
            owners = order[: self._copies]
            known = states[name]
            have = [actor for actor, state in known.items() if state is not None]
            poor = [actor for actor in owners if known.get(actor, b"") is None]
            gone = known[self._own] is None
            if gone or (level < self._copies and len(have) > level):
                continue
            differ = [a for a in have if a in owners and known[a] != known[self._own]]
            absent = [actor for actor in owners if actor not in known]
            try:
                if (poor or differ) and await self._settle(name, chunks[name]):
                    continue
                if poor and min(have, key=order.index) == self._own:
                    await self._give(name, chunks[name], poor)
                    poor = []
                await self._share_holders(name, chunks[name], differ)
                if self._own not in owners and not (poor or differ or absent):
                    await self._move_away(name, chunks[name])
            except Unavailable as error:
                log.info("chunk %s is not repaired yet: %s", name.hex(), error)
            missing += len(poor) + len(absent)
        return missing

    async def _states(
        self, orders: Mapping[bytes, list[str]]
    ) -> dict[bytes, dict[str, bytes | None]]:
        """For each chunk the fingerprints of those who shall have it, and of the copy here. Who
        does not answer is left out."""
        wanted: defaultdict[str, list[bytes]] = defaultdict(list)
        for name, order in orders.items():
            for actor in {*order[: self._copies], self._own}:
                wanted[actor].append(name)
        found: dict[bytes, dict[str, bytes | None]] = {name: {} for name in orders}
        for actor, names in sorted(wanted.items()):
            try:
                states = await self._pool.call(actor, "state", names)
            except Unavailable:
                continue
            for name, state in zip(names, states, strict=True):
                found[name][actor] = state
        return {name: {self._own: None, **known} for name, known in found.items()}

    async def _give(self, name: bytes, facts: Facts, actors: list[str]) -> None:
        store = self._shelf.store
        try:
            data = await self._shelf.read(store.get, name)
        except CorruptChunk:
            await self._shelf.found_damaged(name)
            return
        roots = await self._shelf.read(store.holders, name)
        for actor in actors:
            if data is not None:
                await self._pace.wait(len(data))
                await self._pool.call(actor, "adopt", name, data, facts.touched_ms, roots)
                self.figures["given_total"] += 1

    async def _share_holders(self, name: bytes, facts: Facts, actors: list[str]) -> None:
        if actors:
            for root in await self._shelf.read(self._shelf.store.holders, name):
                for actor in actors:
                    await self._pool.call(actor, "hold", root, [name], facts.touched_ms)

    async def _move_away(self, name: bytes, facts: Facts) -> None:
        """All who shall have it have it, with the same holders: it is not needed here. If it is
        touched or held meanwhile it stays."""
        if self._shelf.clock() - facts.touched_ms < SETTLED_MS:
            return
        roots = await self._shelf.read(self._shelf.store.holders, name)
        if await self._shelf.commit(Drop(name, facts.touched_ms, roots)):
            self.figures["moved_away_total"] += 1

    async def mend(self, name: bytes) -> bool:
        """Get a good copy for a damaged one from somebody else; whether there was one, or it is not
        damaged."""
        if await self._shelf.read(self._shelf.store.check, name):
            await self._shelf.commit(Checked(name, True))
            return True
        await self._shelf.commit(Checked(name, False))
        for actor in ranking(name, self._seats()):
            if actor == self._own:
                continue
            try:
                data = await self._pool.call(actor, "get", name)
            except Unavailable:
                continue
            if data is not None and chunk_hash(data) == name:
                chunk = await self._shelf.read(pack, name, data)
                await self._shelf.commit(Put(chunk, 0))
                self.figures["mended_total"] += 1
                log.warning("chunk %s is whole again, from %s", name.hex(), actor)
                return True
        log.error("chunk %s is damaged, and nobody has a good copy", name.hex())
        return False
