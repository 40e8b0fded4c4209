"""A host of a replicated server: the Ray actor around its copies. It owns a folder of the data
folder, which it locks, with a folder in it for each shard that it has a copy of."""

from __future__ import annotations

import logging
import os
import resource
import time
from pathlib import Path
from typing import Any

import msgspec

from api.ambient import boot_s, now_ms
from runtime.journal import Commits
from runtime.lines.door import Door
from runtime.lines.host_lines import HostLines
from runtime.lines.lines import Clerk
from runtime.replication.copies import Copies, Courier
from runtime.replication.steward import Steward
from runtime.steady import ClockFile, SteadyClock
from shells.gcs import GcsConfigStore, GcsRoster
from shells.host import LOCK_S_MAX, stop_process
from shells.process import begin
from shells.settings import decode_settings
from shells.shelf import LmdbShelf
from shells.transport import Gcs, Routes, here, own_address
from storage.folder import HostFolder

log = logging.getLogger(__name__)


class ReplicatedHost:
    """See the module. Ray makes it, restarts it, and knows it by its name."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        begin(config, name)
        self._name = name
        self._started_s = time.monotonic()
        self._folder = HostFolder.lock(Path(config.data) / name, wait_s=LOCK_S_MAX)
        self._door = Door(lambda wire: Clerk(wire, self._serve))
        seat = here(name, await self._door.open(own_address()))
        roster = GcsRoster(Gcs(), config.cluster_id)
        lines = HostLines(roster, name, self._serve)
        self._routes = Routes(config.hosts, roster, lines)
        courier = Courier(lines.call)
        configs = GcsConfigStore(Gcs(), config.cluster_id)
        path, ship = self._folder.path, self._routes.places.receive
        steady = SteadyClock(now_ms, boot_s, ClockFile(path))
        shelf = self._shelf = LmdbShelf(
            name, path, config, configs, courier, ship, steady, now_ms, stop_process
        )
        self.copies = Copies(name, shelf.members(), shelf, shelf.given_away)
        self._steward = Steward(
            seat,
            self.copies,
            roster,
            courier,
            copies=config.copies,
            shards=config.shards,
            replace_after_s=config.replace_after_s,
        )
        self._routes.start()
        self.copies.start()
        self._steward.start()
        log.info("%s has copies of %d shards", name, len(self.copies.members))

    # --- calls --------------------------------------------------------------------------------

    async def _serve(self, method: str, *arguments: Any) -> Any:
        return await self.copies.serve(method, *arguments)

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
            "shards_led": len(pipelines),
            "takeovers_total": sum(member.takeovers for member in members),
            "turns_total": sum(engine.turns for engine in engines),
            "refusals_total": sum(engine.refusals for engine in engines),
            "failures_total": sum(engine.failures for engine in engines),
            "batches_total": sum(pipeline.batches for pipeline in pipelines),
            **Commits.figures([pipeline.commits for pipeline in pipelines]),
            "resident_actors": sum(len(engine.residents) for engine in engines),
            "online_actors": sum(len(engine.volatile) for engine in engines),
            "moved_actors": sum(engine.moves.moved for engine in engines),
            "fronts": max((len(pipeline.fronts) for pipeline in pipelines), default=0),
            "outbox_streams_waiting": sum(p.shipper.waiting for p in pipelines),
            "outbox_shipped_total": sum(p.shipper.shipped for p in pipelines),
            "read_only": int(any(engine.read_only for engine in engines)),
            "memory_bytes_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    async def drain(self) -> None:
        """Finish what was begun, and close the folder."""
        await self._steward.close()
        await self.copies.close()
        self._shelf.close()
        await self._routes.close()
        self._door.close()
        self._folder.close()
