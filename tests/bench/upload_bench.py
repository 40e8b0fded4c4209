"""What an upload costs without Ray, Serve and HAProxy: a client, a front and a media actor, a
process each, on loopback, beside one process that writes and syncs the same bytes. The actors of
users and files are in the front's process, in memory. Prints JSON; `*_cpu_ms` is CPU per part of
512 KiB, or per file of 64 KiB. `python -m tests.bench.upload_bench [--mib 200]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import uvicorn
import uvloop

import heliograph
from api.http import App
from fronts.files.http import MediaHttp
from fronts.files.service import MediaService
from heliograph.server.ports import free_ports
from media.chunks import PooledChunks
from media.memory import keep_memory
from media.pool import Pool
from runtime.lines.door import Address, Door, connect
from runtime.lines.lines import Clerk, Lines
from runtime.replication.protocol import Seat
from storage.chunks import ChunkStore
from tests.bench.media_bench import CONNECTIONS, MEGABYTE, fill, uploads, written
from tests.unit.media.desk import Backend, Desk

MEDIA = "media"


def stop(error: BaseException) -> None:
    os.abort()


async def serve_media(pipe: Connection, folder: Path) -> None:
    from media.shelf import Shelf

    keep_memory()
    shelf = Shelf(ChunkStore(folder), lambda: time.time_ns() // 1_000_000, stop)
    door = Door(lambda wire: Clerk(wire, shelf.serve))
    pipe.send(await door.open("127.0.0.1"))
    await asyncio.Event().wait()


async def serve_front(pipe: Connection, door: Address) -> None:
    desk = Desk()
    lines = Lines(lambda host, station: connect(door, station))
    pool = Pool(lines.call, lambda: {MEDIA: Seat(MEDIA, "node")}, 1)
    desk.service = MediaService(desk.town.gateway, PooledChunks(pool), desk.looker)
    desk.http = MediaHttp(desk.town.gateway, desk.service)

    async def start() -> Any:
        return Backend(desk)

    (port,) = free_ports(1)
    config = uvicorn.Config(App(start), port=port, log_level="error", lifespan="on", ws="none")
    pipe.send((port, desk.alice.token))
    await uvicorn.Server(config).serve()


def run(serve: Callable[..., Coroutine[Any, Any, None]], pipe: Connection, *args: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(serve(pipe, *args))


class Server:
    """Both processes."""

    def __init__(self, folder: Path) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self.processes: dict[str, psutil.Process] = {}
        door = self._start("media", serve_media, folder)
        port, self.token = self._start("front", serve_front, door)
        self.processes["client"] = psutil.Process()
        self.url = f"http://127.0.0.1:{port}"

    def _start(self, name: str, serve: Any, *args: Any) -> Any:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=run, args=(serve, theirs, *args), daemon=True)
        process.start()
        assert process.pid is not None
        self.processes[name] = psutil.Process(process.pid)
        return ours.recv()

    def cpu_s(self) -> dict[str, float]:
        return {name: sum(process.cpu_times()[:2]) for name, process in self.processes.items()}


def spent(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, float]:
    return {
        f"{name}_cpu_ms": round((after[name] - before[name]) * 1000 / count, 2) for name in after
    }


async def measure(folder: Path, mib: int, seconds: float) -> dict[str, Any]:
    size = mib * 1024 * 1024
    path = folder / "large.bin"
    await asyncio.to_thread(fill, path, size)
    server = Server(folder / "chunks")
    async with heliograph.Client(server.url, token=server.token, live=False) as client:
        await client.upload(b"first", name="x")
        disk = await asyncio.to_thread(written, path, folder / "copy.bin")
        before = server.cpu_s()
        begun_s = time.perf_counter()
        await client.upload(path)
        up = size / MEGABYTE / (time.perf_counter() - begun_s)
    large = spent(before, server.cpu_s(), 2 * mib)
    before = server.cpu_s()
    done = await uploads(server.url, server.token, seconds, lambda: None)
    return {
        "upload_mb_s": round(up),
        "disk_mb_s": round(disk),
        "upload_ratio": round(up / disk, 3),
        **large,
        "small_per_s": round(len(done) / seconds),
        "small_at_once": CONNECTIONS,
        "small": spent(before, server.cpu_s(), len(done)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as name:
        print(json.dumps(asyncio.run(measure(Path(name), options.mib, options.seconds))))


if __name__ == "__main__":
    main()
