"""A host: the Ray actor around a commit pipeline. It leads partitions, and owns a folder of the
data folder, which it locks: a host that is still dying and its successor never both write."""

from __future__ import annotations

import logging
import os
import random
import resource
import time
from pathlib import Path
from typing import Any

import msgspec

from actors.kinds import KINDS
from api.ambient import boot_s, now_ms
from runtime.engine import Engine
from runtime.journal import Commits
from runtime.lines.door import Door
from runtime.lines.host_lines import HostLines
from runtime.lines.lines import Clerk
from runtime.lines.presence import Presence
from runtime.pipeline import Pipeline
from runtime.placement import OWN, Placement
from runtime.steady import ClockFile, SteadyClock
from shells import registry
from shells.gcs import GcsRoster
from shells.process import begin
from shells.settings import decode_settings
from shells.transport import Gcs, here, own_address
from storage.engine import LmdbStore
from storage.folder import HostFolder

log = logging.getLogger(__name__)

LOCK_S_MAX = 10.0
CALLS = {"listen", "submit", "receive"}
"""What other processes call."""


class Host:
    """See the module. Ray makes it, restarts it, and knows it by its name."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        begin(config, name)
        self._name = name
        placement = Placement(config.partitions, config.hosts, config.dedicated)
        led = placement.led_by(name)
        self._folder = HostFolder.lock(Path(config.data) / name, wait_s=LOCK_S_MAX)
        store = LmdbStore(self._folder.path, led)
        engine = Engine(
            kinds=KINDS,
            placement=placement,
            led=led,
            store=store,
            clock=SteadyClock(now_ms, boot_s, ClockFile(self._folder.path)),
            calendar=now_ms,
            rng=random.SystemRandom(),
            resident_max=config.resident_max,
        )
        self._started_s = time.monotonic()
        roster = GcsRoster(Gcs(), config.cluster_id)
        self._lines = HostLines(roster, await_host=await_host)
        self.pipeline = Pipeline(engine, store, self._bring, stop_process)
        self._door = Door(lambda wire: Clerk(wire, self._serve))
        self._presence = Presence(roster, here(name, await self._door.open(own_address())))
        self.pipeline.start()
        self._presence.start()
        log.info("%s leads %d partitions", name, len(led))

    async def _serve(self, method: str, *arguments: Any) -> Any:
        assert method in CALLS, method
        return await getattr(self.pipeline, method)(*arguments)

    async def _bring(self, host: str, parcel: bytes) -> bytes:
        receipts: bytes = await self._lines.call(host, "receive", parcel)
        return receipts

    async def stats(self) -> bytes:
        """Figures of this host as JSON: name to number, and `host`."""
        return msgspec.json.encode(figures(self._name, self.pipeline, self._started_s))

    async def drain(self) -> None:
        """Finish what was begun, and close the folder."""
        await self.pipeline.drain()
        await self._presence.close()
        self._lines.close()
        self._door.close()
        self._folder.close()


def await_host(name: str) -> bool:
    """Whether there will be a host of this name. That of a dedicated actor is made by whoever needs
    it first, but not on a cluster, where somebody else decides on which node it lives."""
    if name.startswith(OWN) and not registry.node_names():
        registry.make(Host, name, registry.settings())
        return True
    return registry.is_there(name)


def figures(name: str, pipeline: Pipeline, started_s: float) -> dict[str, Any]:
    """What `stats` and the metrics show of a host."""
    engine = pipeline.engine
    return {
        "host": name,
        "pid": os.getpid(),
        "uptime_s": round(time.monotonic() - started_s, 1),
        "turns_total": engine.turns,
        "refusals_total": engine.refusals,
        "failures_total": engine.failures,
        "batches_total": pipeline.batches,
        **Commits.figures([pipeline.commits]),
        "resident_actors": len(engine.residents),
        "online_actors": len(engine.volatile),
        "moved_actors": engine.moves.moved,
        "fronts": len(pipeline.fronts),
        "outbox_streams_waiting": pipeline.shipper.waiting,
        "outbox_shipped_total": pipeline.shipper.shipped,
        "read_only": int(engine.read_only),
        "memory_bytes_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def stop_process(error: BaseException) -> None:
    """Crash only: what is durable is the truth, and Ray starts a successor."""
    logging.shutdown()
    os._exit(70)
