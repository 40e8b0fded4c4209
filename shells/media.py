"""A media actor: the Ray actor around a store of chunks. It owns a folder of the data folder, which
it locks.

What it acknowledges is synced. When it dies, Ray makes it again in the same folder; meanwhile
others stand in for it. It promises no order between calls.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors import addresses
from actors.file.messages import Condemned, MayDelete
from api.ambient import boot_s, now_ms
from api.files import text_of
from fronts.files.http import MediaHttp
from fronts.files.port import FilesPort
from fronts.files.service import MediaService
from media.chunks import PooledChunks
from media.here import CHUNKS, ChunksHere
from media.keeper import Keeper, figures
from media.listing import ChunkLine
from media.look import Looker
from media.memory import keep_memory
from media.pool import CallActor, Pool, Seats
from media.roll import Membership, Roll
from media.shelf import Shelf
from runtime.lines.door import Door
from runtime.lines.host_lines import HostLines
from runtime.lines.lines import Clerk
from runtime.steady import ClockFile, SteadyClock
from shells.edge import make_gateway
from shells.gcs import GcsRoster
from shells.host import LOCK_S_MAX, stop_process
from shells.process import begin
from shells.settings import Settings, decode_settings
from shells.site import site_of
from shells.transport import Gcs, here, own_address
from storage.chunk_reader import ChunkReader
from storage.chunks import ChunkStore
from storage.folder import HostFolder

log = logging.getLogger(__name__)


def media_roster(settings: Settings) -> GcsRoster:
    """The media actors of a server, apart from its hosts."""
    return GcsRoster(Gcs(), f"{settings.cluster_id}:media")


class Reach:
    """How chunks are reached, by its `pool`; those of this machine are read from its data folder,
    `data`. `own`: see `ChunksHere`. On a running loop."""

    def __init__(
        self,
        call: CallActor,
        seats: Seats,
        copies: int,
        data: Path,
        own: Mapping[Path, ChunkReader] | None = None,
    ) -> None:
        self._here = ChunksHere(data, self._damaged, own)
        self.pool = Pool(call, seats, copies, self._here)

    def _damaged(self, actor: str, name: bytes) -> None:
        """A media actor that is asked for a damaged copy finds that, and has it mended."""
        self.pool.ask_behind(actor, name)

    async def close(self) -> None:
        """No thread reads what is closed after this."""
        await self.pool.close()
        await asyncio.to_thread(self._here.close)


class MediaFront:
    """How a front reaches the media actors, by its `pool`. On a running loop."""

    def __init__(self, settings: Settings, data: Path) -> None:
        roster = media_roster(settings)
        self.roll = Roll(roster)
        reach = Reach(HostLines(roster).call, self.roll.seats, settings.copies, data)
        self.pool = reach.pool

    def start(self) -> None:
        self.roll.start()


class Files(NamedTuple):
    """What serves files at a port of their own."""

    port: FilesPort
    reach: Reach


class MediaActor:
    """See the module. Ray makes it, restarts it, and knows it by its name."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        begin(config, name)
        keep_memory()
        self._name = name
        self._started_s = time.monotonic()
        self._folder = HostFolder.lock(Path(config.data) / name, wait_s=LOCK_S_MAX)
        steady = SteadyClock(now_ms, boot_s, ClockFile(self._folder.path))
        self._shelf = Shelf(ChunkStore(self._folder.path / CHUNKS), steady, stop_process)
        self._door = Door(lambda wire: Clerk(wire, self._shelf.serve))
        seat = here(name, await self._door.open(own_address()))
        roster = media_roster(config)
        self._lines = HostLines(roster, name, self._shelf.serve)
        self._membership = Membership(
            roster, seat, lambda actor: self._pool.call(actor, "ping"), config.replace_after_s
        )
        seats = self._membership.seats
        self._pool = Pool(self._lines.call, seats, config.copies)
        self._keeper = Keeper(name, self._shelf, self._pool, seats, config.copies, self.condemned)
        self._gateway = make_gateway(config)
        await self._gateway.start()
        self._membership.start()
        self._keeper.start()
        self._files = self._serve_files(config)
        log.info("%s has %d chunks", name, self._shelf.store.stats().chunks)

    def _serve_files(self, config: Settings) -> Files | None:
        """At the port for files, if there is one."""
        if not config.files_port:
            return None
        own = {self._folder.path / CHUNKS: self._shelf.store}
        seats = self._membership.seats
        reach = Reach(self._lines.call, seats, config.copies, Path(config.data), own)
        service = MediaService(self._gateway, PooledChunks(reach.pool), Looker())
        http = MediaHttp(self._gateway, service, config.callers)
        port = FilesPort(http, self._gateway.config, config.callers, site_of(config))
        port.start(config.ws_host, config.files_port)
        return Files(port, reach)

    async def condemned(self, root: bytes) -> bool:
        """Whether a file's actor condemns it: then its chunks are not needed any more. Raises
        ApiError."""
        file = addresses.file(text_of(root))
        answer = await self._gateway.ask(file, MayDelete())
        return msgspec.json.decode(answer, type=Condemned).condemned

    async def stats(self) -> bytes:
        """Figures of this media actor as JSON: name to number, and `media`."""
        told: dict[str, Any] = {
            "media": self._name,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "media_actors": len(self._membership.seats()),
            **figures(self._shelf, self._keeper),
            "memory_bytes_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        return msgspec.json.encode(told)

    async def chunks(self, after: bytes, count: int) -> bytes:
        """So many of the chunks here, in the order of their names, those after this one: a list of
        `ChunkLine`."""
        found = await self._shelf.read(self._shelf.store.listed, after, count)
        return msgspec.msgpack.encode(
            [
                ChunkLine(name, facts.raw_bytes, facts.stored_bytes, facts.touched_ms, held)
                for name, facts, held in found
            ]
        )

    async def drain(self) -> None:
        """Finish what was begun, and close the folder."""
        if self._files is not None:
            await self._files.port.drain()
            await self._files.reach.close()
        await self._keeper.close()
        await self._gateway.close()
        await self._membership.close()
        await self._pool.close()
        self._lines.close()
        self._door.close()
        await self._shelf.close()
        self._folder.close()
