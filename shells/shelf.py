"""Where a host has its copies: a folder with a folder for each shard, in it the rows, the log
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
from runtime.placement import Replicated, first_members, partition_of_own
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
from storage.replica import LmdbReplica, clear, folder_of, folders_in, remembered

RESIDENT_MIN = 100


class LmdbShelf:
    """See the module, and `copies.Shelf`. `ship` brings messages to other shards; `stop` ends
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
        self._placement = Replicated(settings.partitions, settings.shards)
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
        for shard, folder in folders_in(self._folder).items():
            raw = remembered(folder)
            if raw:
                config = decode_configuration(raw)
                if self._host not in config.members:
                    found[shard] = config
                    clear(folder)
        return found

    def members(self) -> Iterator[Member]:
        """The copies that this host has, also those of a new cluster, or of a new shard that has
        this host for itself."""
        own = partition_of_own(self._host)
        first = {s for s in range(self._settings.shards) if self._host in self._first(s)}
        kept = folders_in(self._folder).keys()
        here = first | kept | ({own} if own is not None else set())
        for shard in sorted(here - self.given_away.keys()):
            yield self._member(shard)

    def _first(self, shard: int) -> tuple[str, ...]:
        """The hosts that get a copy of a shard of a new cluster, the one that shall lead it
        first."""
        return first_members(shard, self._settings.hosts, self._settings.copies)

    def make(self, shard: int) -> Member:
        member = self._member(shard)
        if not member.copy.store.loading:
            # It must not lead before it has what the others have, whatever it was once.
            member.copy.store.begin_load()
        return member

    def close(self) -> None:
        """All copies are closed."""
        self._disk.close()

    async def clear(self, shard: int) -> None:
        await asyncio.to_thread(clear, folder_of(self._folder, shard))

    def _member(self, shard: int) -> Member:
        settings = self._settings
        partitions = self._placement.partitions_of(shard)
        store = LmdbReplica(folder_of(self._folder, shard), partitions)
        share = settings.resident_max // settings.shards
        is_pooled = shard < settings.shards

        def lead(leader: Leader) -> Pipeline:
            engine = Engine(
                kinds=KINDS,
                placement=self._placement,
                led=partitions,
                store=store,
                clock=self._clock,
                calendar=self._calendar,
                rng=random.SystemRandom(),
                resident_max=max(RESIDENT_MIN, share),
            )
            return Pipeline(engine, store, self._ship, self._stop, leader)

        return Member(
            Copy(self._host, shard, partitions, store, self._disk, self._clock),
            first_configuration(shard, self._first(shard)) if is_pooled else None,
            self._configs,
            self._peer,
            lead,
            Checkpointer(store, self._checkpoints),
            self._stop,
            min_in_sync=max(1, settings.copies - 1),
        )
