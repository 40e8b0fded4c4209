"""Which hosts shall have the copies of each shard, and which of them shall lead: the next step
from what there is towards what there should be. Pure; see `steward` for who takes the steps.

A shard is moved by giving another host a copy, and when that is in sync, by taking one away.
So every step leaves at least as many good copies as there were, and a plan needs no memory: who
looks again after a crash goes on where the last one stopped.

A shard may have a host of its own (`runtime.placement.own_host`). While that is up, it
has a copy and leads; the other copies are on pooled hosts, and all of them when it is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from runtime.placement import partition_of_own
from runtime.replication.protocol import Configuration, Seat

MOVES_MAX: Final = 2
"""So many shards are given to another host at the same time."""

Members = tuple[str, ...]


class View(NamedTuple):
    """What there is. `configs`: the newest that is known of each shard. `led`: those of them
    that somebody leads now. `silent`: hosts that do not answer; `lost`: those of them that did not
    for so long that their copies are made elsewhere. `copies`: how many each shard shall have;
    `shards`: how many there are."""

    configs: Mapping[int, Configuration]
    led: frozenset[int]
    seats: Mapping[str, Seat]
    silent: frozenset[str]
    lost: frozenset[str]
    copies: int
    shards: int


def plan(view: View) -> dict[int, Members]:
    """The shards whose members shall change now, with what they shall be. The first of them
    shall lead."""
    return _Planner(view).plan()


def first_own_members(view: View, own: str) -> Members:
    """Who shall have the copies of a new shard: its own host, which leads, and of the pooled
    hosts those that fit best."""
    return _Planner(view).first_own_members(own)


def is_well(config: Configuration, copies: int) -> bool:
    """Whether there are as many copies as there should be, and all are in sync."""
    return len(config.members) == copies and set(config.in_sync) == set(config.members)


class _Planner:
    def __init__(self, view: View) -> None:
        self._view = view
        self._copies = Counter(host for c in view.configs.values() for host in c.members)
        self._heads = Counter(c.members[0] for c in view.configs.values())
        fit = [s for s in view.seats.values() if not s.mark and s.host not in view.silent]
        self._fit = {seat.host: seat for seat in fit if _is_pooled(seat.host)}
        owners = sorted((s.host for s in fit if not _is_pooled(s.host)), reverse=True)
        self._own = {partition_of_own(host): host for host in owners}
        """The hosts that shards have for themselves, as far as they are up."""
        unseen = view.silent - view.lost or self._copies.keys() - view.seats.keys() - view.lost
        there = {*range(view.shards)} | self._own.keys()
        self._calm = not unseen and there <= view.configs.keys()
        """As long as not all is seen, nothing is balanced: it may be well balanced as it is."""
        self._unwanted = view.lost | {s.host for s in view.seats.values() if s.mark == "leaving"}
        self._moving = sum(len(c.members) > view.copies for c in view.configs.values())

    def plan(self) -> dict[int, Members]:
        led = [config for p, config in sorted(self._view.configs.items()) if p in self._view.led]
        changes = {}
        for config in led:
            if len(config.members) > self._view.copies:
                members = self._one_less(config)
            else:
                members = (
                    self._brought_home(config) or self._replaced(config) or self._led_better(config)
                )
            if members:
                changes[config.shard] = members
        if not changes and self._calm and self._moving < MOVES_MAX:
            changes = self._balanced(led)
        return changes

    def first_own_members(self, own: str) -> Members:
        members = [own]
        newcomers = set(self._fit)
        while newcomers and len(members) < self._view.copies:
            best = min(newcomers, key=lambda host: self._price(host, members))
            members.append(best)
            newcomers.remove(best)
        return tuple(members)

    # --- the right number of copies, on hosts that are there ----------------------------------

    def _brought_home(self, config: Configuration) -> Members | None:
        """With the shard's own host in front, if that is up."""
        own = self._own.get(config.shard, config.members[0])
        if own == config.members[0]:
            return None
        if own not in config.members:
            if self._moving == MOVES_MAX:
                return None
            self._one_more(config, own)
        return (own, *(host for host in config.members if host != own))

    def _replaced(self, config: Configuration) -> Members | None:
        """One copy more where one is missing, or is on a host that it shall not stay on."""
        stay = [host for host in config.members if host not in self._unwanted]
        if len(stay) < self._view.copies and self._moving < MOVES_MAX:
            newcomers = [host for host in self._fit if host not in config.members]
            if newcomers:
                return self._one_more(config, min(newcomers, key=lambda h: self._price(h, stay)))
        return None

    def _one_more(self, config: Configuration, host: str) -> Members:
        self._moving += 1
        self._copies[host] += 1
        return (*config.members, host)

    def _one_less(self, config: Configuration) -> Members | None:
        """Without the host that can best be spared. Not before enough others are in sync, unless
        it is lost and has nothing that they lack; if it leads, another one has to lead first."""

        def value(host: str) -> tuple[int, tuple[int, int], int, bool]:
            rest = [other for other in config.members if other != host]
            use = int(host in config.in_sync) if host in self._unwanted else 2
            if host == self._own.get(config.shard):
                use = 3
            return use, self._crowding(rest), -self._copies[host], host == config.leader

        chosen_before = config.members[-1] == config.leader
        host = config.leader if chosen_before else min(config.members, key=value)
        missed = host in config.in_sync or host not in self._view.lost
        if missed and len(set(config.in_sync) - {host}) < self._view.copies:
            return None
        self._copies[host] -= 1
        rest = tuple(other for other in config.members if other != host)
        if host != config.leader:
            return rest
        return None if chosen_before else (*rest, host)

    # --- spread and balance -------------------------------------------------------------------

    def _balanced(self, led: list[Configuration]) -> dict[int, Members]:
        """The one move that helps most: copies of a shard further from each other, or hosts
        with more equal numbers of copies."""
        offers = []
        for config in led:
            if not is_well(config, self._view.copies):
                continue
            now = self._crowding(config.members)
            for leaves in filter(_is_pooled, config.members):
                rest = [host for host in config.members if host != leaves]
                for comes in self._fit.keys() - set(config.members):
                    more = self._copies[comes] - self._copies[leaves] + 1
                    then = self._crowding([*rest, comes])
                    if (then, more) < (now, 0):
                        leads = leaves == config.leader
                        offers.append((then >= now, more, leads, config.shard, comes))
        if not offers:
            return {}
        *_, shard, comes = min(offers)
        return {shard: self._one_more(self._view.configs[shard], comes)}

    def _price(self, host: str, others: Iterable[str]) -> tuple[tuple[int, int], int, str]:
        """How little a host fits for a copy beside these."""
        return self._crowding([*others, host]), self._copies[host], host

    def _crowding(self, hosts: Iterable[str]) -> tuple[int, int]:
        """Pairs of hosts on one node, and pairs in one zone."""
        seats = [self._view.seats.get(host) or Seat(host, host) for host in hosts]
        nodes = Counter(seat.node for seat in seats)
        zones = Counter(seat.zone for seat in seats if seat.zone)
        return _pairs(nodes.values()), _pairs(zones.values())

    # --- who shall lead -----------------------------------------------------------------------

    def _led_better(self, config: Configuration) -> Members | None:
        """The same hosts with another one in front: one that may lead, and that leads less."""
        first = config.members[0]
        able = [host for host in config.members if host in self._fit and host in config.in_sync]
        if not able:
            return None
        chosen = min(able, key=lambda host: (self._heads[host], host))
        ahead = self._heads[first] - self._heads[chosen]
        shall_not = first in self._unwanted or self._mark(first) == "drained"
        if not shall_not and (ahead < 2 or not self._calm):
            return None
        self._heads[first] -= 1
        self._heads[chosen] += 1
        return (chosen, *(host for host in config.members if host != chosen))

    def _mark(self, host: str) -> str:
        seat = self._view.seats.get(host)
        return seat.mark if seat else ""


def _is_pooled(host: str) -> bool:
    return partition_of_own(host) is None


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)
