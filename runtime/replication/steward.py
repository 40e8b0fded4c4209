"""Who looks after where the copies are: the host that leads shard 0.

It asks all hosts what they lead, and has the leaders change members where `plan` says so. There may
be two for a moment, or none: what a leader changes, it changes only if the configuration is still
the one that was planned with.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from api.ambient import monotonic_s
from runtime.lines.presence import Presence
from runtime.replication.copies import Copies
from runtime.replication.plan import View, plan
from runtime.replication.protocol import Configuration, Roster, Seat, Unavailable
from runtime.troubles import Troubles

log = logging.getLogger(__name__)

STEP_S: Final = 1.0
CHARGE: Final = 0
"""Who leads this shard is the steward."""


class Leaders(Protocol):
    """Calls of hosts. Raises Unavailable."""

    async def led_configurations(self, host: str) -> list[Configuration]: ...

    async def rearrange(
        self, host: str, config: Configuration, members: tuple[str, ...]
    ) -> None: ...


class Steward:
    """See the module. Every host has one, which also keeps it on the roster. A host that was silent
    for `replace_after_s` is taken for lost."""

    def __init__(
        self,
        seat: Seat,
        own: Copies,
        roster: Roster,
        leaders: Leaders,
        *,
        copies: int,
        shards: int,
        replace_after_s: float,
    ) -> None:
        self._presence = Presence(roster, seat)
        self._own = own
        self._roster = roster
        self._leaders = leaders
        self._copies = copies
        self._shards = shards
        self._replace_after_s = replace_after_s
        self._configs: dict[int, Configuration] = {}
        self._silent_since: dict[str, float] = {}
        self._troubles = Troubles()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._live())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self) -> None:
        while True:
            try:
                await self._presence.look()
                if self._in_charge():
                    await self.step()
                else:
                    self._silent_since.clear()
                    self._troubles = Troubles()
            except Unavailable as error:
                log.info("nothing is moved: %s", error)
            except Exception:
                log.exception("nothing is moved")
            await asyncio.sleep(STEP_S)

    def _in_charge(self) -> bool:
        member = self._own.members.get(CHARGE)
        return member is not None and member.leading

    async def step(self) -> None:
        """Look at all hosts, and have changed what should be. Raises Unavailable."""
        seats = await self._roster.seats()
        led = await self._ask(seats)
        self._tell()
        lost = self._lost()
        silent = frozenset(self._silent_since)
        view = View(self._configs, frozenset(led), seats, silent, lost, self._copies, self._shards)
        for shard, members in plan(view).items():
            config = self._configs[shard]
            told = ", ".join(members)
            log.info("shard %d: %s lets %s have it", shard, config.leader, told)
            try:
                await self._leaders.rearrange(led[shard], config, members)
            except Unavailable as error:
                log.info("shard %d stays where it is: %s", shard, error)
        await self._forget(seats, lost)

    async def _ask(self, seats: dict[str, Seat]) -> dict[int, str]:
        """Learn from all hosts what they lead; returns who leads what."""
        hosts = sorted(seats.keys() | {h for c in self._configs.values() for h in c.members})
        answers = await asyncio.gather(
            *map(self._leaders.led_configurations, hosts), return_exceptions=True
        )
        led: dict[int, str] = {}
        for host, answer in zip(hosts, answers, strict=True):
            if isinstance(answer, BaseException):
                self._silent_since.setdefault(host, monotonic_s())
                continue
            self._silent_since.pop(host, None)
            for config in answer:
                known = self._configs.get(config.shard)
                if known is None or config.epoch >= known.epoch:
                    self._configs[config.shard] = config
                    led[config.shard] = host
        return led

    def _tell(self) -> None:
        wrong = dict.fromkeys(self._silent_since, "does not answer")
        for line in self._troubles.look(wrong, monotonic_s()):
            log.warning("%s", line)

    def _lost(self) -> frozenset[str]:
        since = monotonic_s() - self._replace_after_s
        return frozenset(h for h, began_s in self._silent_since.items() if began_s <= since)

    async def _forget(self, seats: dict[str, Seat], lost: frozenset[str]) -> None:
        """Take hosts off the roster that are gone and that no shard names any more."""
        named = {host for config in self._configs.values() for host in config.members}
        for host in sorted((lost & seats.keys()) - named):
            log.warning("%s is gone, and is not missed any more", host)
            await self._roster.remove(host)
            self._silent_since.pop(host, None)
