"""How a shard begins that has a host for itself: with a configuration in which that host leads,
written once, as any is. Everything can be repeated, and be broken off anywhere. No Ray."""

from __future__ import annotations

import asyncio
from typing import Protocol

from runtime.placement import own_host, partition_of_own
from runtime.replication.plan import View, first_own_members
from runtime.replication.protocol import ConfigStore, Configuration, Known, Roster, Unavailable


class Hosts(Protocol):
    """Calls of hosts. Raises Unavailable."""

    async def known(self, host: str, shard: int) -> Known | None: ...

    async def led_configurations(self, host: str) -> list[Configuration]: ...


async def found(
    own: str, configs: ConfigStore, roster: Roster, hosts: Hosts, *, copies: int, shards: int
) -> None:
    """A step towards a shard that is led, with enough copies, where `own` is a host for it, and
    has been started. Raises Unavailable as long as it is not so: then another step is due."""
    shard = partition_of_own(own)
    assert shard is not None
    view = await _look(roster, hosts, copies, shards)
    least = max(1, copies - 1)
    if own not in view.seats:
        raise Unavailable(f"{own} is not up yet")
    config = view.configs.get(shard)
    if config is not None:
        if len(config.in_sync) < least:
            raise Unavailable(f"there are too few copies of what {own} leads")
        return
    if await configs.newest(shard) is None:
        known = await hosts.known(own, shard)
        if known is None or known.config.epoch or own != own_host(shard):
            # The store has lost it; those who have copies write it again.
            raise Unavailable(f"nobody leads shard {shard} now")
        members = first_own_members(view, own)
        if len(members) < least:
            raise Unavailable(f"{least} copies need as many hosts that answer")
        await configs.create(Configuration(shard, 1, own, members, (own,)))
    raise Unavailable(f"nobody leads shard {shard} yet")


async def _look(roster: Roster, hosts: Hosts, copies: int, shards: int) -> View:
    seats = await roster.seats()
    names = sorted(seats)
    answers = await asyncio.gather(*map(hosts.led_configurations, names), return_exceptions=True)
    silent = [
        name for name, led in zip(names, answers, strict=True) if isinstance(led, BaseException)
    ]
    configs = {c.shard: c for led in answers if isinstance(led, list) for c in led}
    gone = frozenset(silent)
    return View(configs, frozenset(configs), seats, gone, gone, copies, shards)
