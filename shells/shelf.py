"""Where a host has its copies: a folder with a folder for each partition, in it the rows, the log
and the configuration. Of a copy that was given away the configuration stays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from actors.kinds import KINDS
from runtime.checkpointer import Checkpointer
from runtime.engine import Engine
from runtime.pipeline import PeerCall, Pipeline
from runtime.placement import Replicated, first_members, partition_at, partition_of_own, place_of
from runtime.replication.copy import Copy
from runtime.replication.leader import Leader
from runtime.replication.member import Asker, Member
from runtime.replication.protocol import (
    ConfigStore,
    Configuration,
    decode_configuration,
    first_configuration,
)
from runtime.replication.writer import Writer
from runtime.steady import SteadyClock
from runtime.syncs import Syncs
from shells.settings import Settings
from storage.replica import LmdbReplica, clear, remembered

RESIDENT_MIN = 100


def folder_of(host: Path, partition: int) -> Path:
    """Where a host has its copy of a partition."""
    return host / place_of(partition)


class LmdbShelf:
    """See the module, and `copies.Shelf`. `ship` brings messages to other partitions; `stop` ends
    the process, where going on would be guessing."""

    def __init__(
        self,
        host: str,
        folder: Path,
        settings: Settings,
        configs: ConfigStore,
        peer: Asker,
        ship: PeerCall,
        clock: SteadyClock,
        calendar: Callable[[], int],
        stop: Callable[[BaseException], None],
    ) -> None:
        self._host = host
        self._folder = folder
        self._settings = settings
        self._configs = configs
        self._peer = peer
        self._ship = ship
        self._clock = clock
        self._calendar = calendar
        self._stop = stop
        self._disk = Syncs(Writer())
        self._checkpoints = ThreadPoolExecutor(1, "checkpointer")
        self.given_away = self._given_away()
        """The copies that this host had once, and who had them when they were given away."""

    def _given_away(self) -> dict[int, Configuration]:
        """What is left of them is removed."""
        found = {}
        for partition in self._kept():
            folder = folder_of(self._folder, partition)
            raw = remembered(folder)
            if raw:
                config = decode_configuration(raw)
                if self._host not in config.members:
                    found[partition] = config
                    clear(folder)
        return found

    def members(self) -> Iterator[Member]:
        """The copies that this host has, also those of a new cluster, or of a new partition that
        has this host for itself."""
        own = partition_of_own(self._host)
        first = {p for p in range(self._settings.partitions) if self._host in self._first(p)}
        here = first | self._kept() | ({own} if own is not None else set())
        for partition in sorted(here - self.given_away.keys()):
            yield self._member(partition)

    def _kept(self) -> set[int]:
        """The partitions of which there is a folder here."""
        return {partition_at(path.name) for path in self._folder.glob("partition-*")}

    def _first(self, partition: int) -> tuple[str, ...]:
        """The hosts that get a copy of a partition of a new cluster, the one that shall lead it
        first."""
        return first_members(partition, self._settings.hosts, self._settings.copies)

    def make(self, partition: int) -> Member:
        member = self._member(partition)
        if not member.copy.store.loading:
            # It must not lead before it has what the others have, whatever it was once.
            member.copy.store.begin_load()
        return member

    async def clear(self, partition: int) -> None:
        await asyncio.to_thread(clear, folder_of(self._folder, partition))

    def _member(self, partition: int) -> Member:
        settings = self._settings
        store = LmdbReplica(folder_of(self._folder, partition), [partition])
        share = settings.resident_max // settings.partitions
        is_pooled = partition < settings.partitions

        def lead(leader: Leader) -> Pipeline:
            engine = Engine(
                kinds=KINDS,
                placement=Replicated(settings.partitions),
                led=[partition],
                store=store,
                clock=self._clock,
                calendar=self._calendar,
                rng=random.SystemRandom(),
                resident_max=max(RESIDENT_MIN, share),
            )
            return Pipeline(engine, store, self._ship, self._stop, leader)

        return Member(
            Copy(self._host, partition, store, self._disk, self._clock),
            first_configuration(partition, self._first(partition)) if is_pooled else None,
            self._configs,
            self._peer,
            lead,
            Checkpointer(store, self._checkpoints),
            self._stop,
            min_in_sync=max(1, settings.copies - 1),
        )
