"""A host of a replicated server: the Ray actor around its copies. It owns a folder of the data
folder, which it locks, with a folder in it for each partition that it has a copy of."""

from __future__ import annotations

import logging
import os
import random
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from actors.kinds import KINDS
from actors.runtime.checkpointer import Checkpointer
from actors.runtime.engine import Engine
from actors.runtime.host import LOCK_S_MAX, clock_ms, stop_process
from actors.runtime.pipeline import Pipeline
from actors.runtime.placement import Replicated
from actors.runtime.process import log_to, share_the_interpreter, tune_garbage_collection
from actors.runtime.replication.copies import Copies, Courier
from actors.runtime.replication.copy import Copy
from actors.runtime.replication.gcs import GcsConfigStore
from actors.runtime.replication.leader import Leader
from actors.runtime.replication.member import Member
from actors.runtime.replication.protocol import first_configuration
from actors.runtime.settings import Settings, decode_settings
from actors.runtime.transport import Gcs, Routes, answer_as, call_host
from storage.folder import HostFolder
from storage.replica import LmdbReplica

log = logging.getLogger(__name__)

WRITERS = 4


def members_of(partition: int, settings: Settings) -> tuple[str, ...]:
    """The hosts that get a copy of a new partition, the one that shall lead it first."""
    return tuple(f"host-{(partition + n) % settings.hosts}" for n in range(settings.copies))


def folder_of(host: Path, partition: int) -> Path:
    """Where a host has its copy of a partition."""
    return host / f"partition-{partition}"


class ReplicatedHost:
    """See the module. Ray makes it, restarts it, and carries its calls."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        log_to(Path(config.data), name)
        tune_garbage_collection()
        share_the_interpreter()
        self._name = name
        self._settings = config
        self._started_s = time.monotonic()
        self._folder = HostFolder.lock(Path(config.data) / name, wait_s=LOCK_S_MAX)
        self._configs = GcsConfigStore(Gcs(), config.cluster_id)
        self._routes = Routes(config)
        self._courier = Courier(call_host)
        self._writer = ThreadPoolExecutor(WRITERS, "writer")
        self._checkpoints = ThreadPoolExecutor(1, "checkpointer")
        mine = [p for p in range(config.partitions) if name in members_of(p, config)]
        self.copies = Copies(self._member(partition) for partition in mine)
        answer_as(name, self)
        self._routes.start()
        self.copies.start()
        log.info("%s has copies of %d partitions", name, len(mine))

    def _member(self, partition: int) -> Member:
        store = LmdbReplica(folder_of(self._folder.path, partition), [partition])
        config = self._settings

        def lead(leader: Leader) -> Pipeline:
            engine = Engine(
                kinds=KINDS,
                placement=Replicated(config.partitions),
                led=[partition],
                store=store,
                clock=clock_ms,
                rng=random.SystemRandom(),
                resident_max=max(100, config.resident_max // len(self.copies.members)),
            )
            return Pipeline(engine, store, self._routes.receive, stop_process, leader)

        return Member(
            Copy(self._name, partition, store, self._writer),
            first_configuration(partition, members_of(partition, config)),
            self._configs,
            self._courier,
            lead,
            Checkpointer(store, self._checkpoints),
            stop_process,
            min_in_sync=max(1, config.copies - 1),
        )

    # --- calls --------------------------------------------------------------------------------

    async def submit(
        self, partition: int, front: str, stream: str, number: int, payload: bytes
    ) -> bytes:
        return await self.copies.submit(partition, front, stream, number, payload)

    async def poll(self, partition: int, front: str) -> bytes:
        return await self.copies.poll(partition, front)

    async def receive(self, partition: int, payload: bytes) -> bytes:
        return await self.copies.receive(partition, payload)

    async def led(self) -> list[tuple[int, int]]:
        return self.copies.led()

    async def append(self, payload: bytes) -> bytes:
        return await self.copies.append(payload)

    async def load(self, payload: bytes) -> bytes:
        return await self.copies.load(payload)

    async def known(self, partition: int) -> bytes:
        return self.copies.known(partition)

    async def stats(self) -> bytes:
        """Figures of this host as JSON: name to number, and `host`."""
        return msgspec.json.encode(self._figures())

    def _figures(self) -> dict[str, Any]:
        members = self.copies.members.values()
        pipelines = [member.pipeline for member in members if member.pipeline is not None]
        engines = [pipeline.engine for pipeline in pipelines]
        return {
            "host": self._name,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "copies": len(members),
            "partitions_led": len(pipelines),
            "takeovers_total": sum(member.takeovers for member in members),
            "turns_total": sum(engine.turns for engine in engines),
            "refusals_total": sum(engine.refusals for engine in engines),
            "failures_total": sum(engine.failures for engine in engines),
            "commits_total": sum(pipeline.commits for pipeline in pipelines),
            "commit_seconds_total": round(sum(pipeline.commit_s for pipeline in pipelines), 6),
            "commit_seconds_max": max((p.commit_s_max for p in pipelines), default=0.0),
            "resident_actors": sum(len(engine.residents) for engine in engines),
            "online_actors": sum(len(engine.volatile) for engine in engines),
            "fronts": max((len(pipeline.fronts) for pipeline in pipelines), default=0),
            "outbox_streams_waiting": sum(p.shipper.waiting for p in pipelines),
            "outbox_shipped_total": sum(p.shipper.shipped for p in pipelines),
            "read_only": int(any(engine.read_only for engine in engines)),
            "memory_bytes_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    async def cluster(self) -> bytes:
        """What this host knows of its copies as JSON: a list with a row for each."""
        rows = [member.row() for _, member in sorted(self.copies.members.items())]
        return msgspec.json.encode(rows)

    async def drain(self) -> None:
        """Finish what was begun, and close the folder."""
        await self.copies.close()
        await self._routes.close()
        self._folder.close()
