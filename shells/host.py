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
from runtime.pipeline import Pipeline
from runtime.placement import OWN, Placement
from runtime.steady import ClockFile, SteadyClock
from shells import registry
from shells.process import begin
from shells.settings import decode_settings
from shells.transport import Peers
from storage.engine import LmdbStore
from storage.folder import HostFolder

log = logging.getLogger(__name__)

LOCK_S_MAX = 10.0


class Host:
    """See the module. Ray makes it, restarts it, and carries its calls."""

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
        self.pipeline = Pipeline(engine, store, Peers(find_host), stop_process)
        self.pipeline.start()
        log.info("%s leads %d partitions", name, len(led))

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        return await self.pipeline.submit(front, stream, number, payload)

    async def poll(self, front: str) -> bytes:
        return await self.pipeline.poll(front)

    async def receive(self, payload: bytes) -> bytes:
        return await self.pipeline.receive(payload)

    async def stats(self) -> bytes:
        """Figures of this host as JSON: name to number, and `host`."""
        return msgspec.json.encode(figures(self._name, self.pipeline, self._started_s))

    async def drain(self) -> None:
        """Finish what was begun, and close the folder."""
        await self.pipeline.drain()
        self._folder.close()


def find_host(name: str) -> Any:
    """The handle of a host. That of a dedicated actor is made by whoever needs it first, but not on
    a cluster, where somebody else decides on which node it lives. Raises ValueError."""
    try:
        return registry.find(name)
    except ValueError:
        if not name.startswith(OWN) or registry.node_names():
            raise
        return registry.make(Host, name, registry.settings())


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
        "commits_total": pipeline.commits,
        "commit_seconds_total": round(pipeline.commit_s, 6),
        "commit_seconds_max": round(pipeline.commit_s_max, 6),
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
