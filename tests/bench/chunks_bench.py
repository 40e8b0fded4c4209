"""What a media actor can do, without Ray and sockets, beside one process that writes and syncs the
same bytes, in turns. Prints JSON. `python -m tests.bench.chunks_bench [--mib 256]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from api.files import chunk_hash
from media.memory import keep_memory
from media.shelf import GROUP_BYTES, Shelf
from storage.chunk_changes import Drop
from storage.chunk_codec import CHUNK_BYTES_MAX
from storage.chunks import ChunkStore

UNDER_WAY = 64
SMALL_BYTES = 64 * 1024
MIB = 1 << 20


def chunks(count: int, size: int) -> list[bytes]:
    """Different ones, which do not shrink."""
    noise = os.urandom(size - 8)
    return [os.urandom(8) + noise for _ in range(count)]


def write_and_sync(folder: Path, data: list[bytes]) -> float:
    """Seconds for one process that writes these to a new file, and syncs as often as the store."""
    begun_s = time.perf_counter()
    since = 0
    with open(folder / f"plain-{begun_s}", "wb", buffering=0) as file:
        for chunk in data:
            file.write(chunk)
            since += len(chunk)
            if since >= GROUP_BYTES:
                os.fsync(file.fileno())
                since = 0
        os.fsync(file.fileno())
    return time.perf_counter() - begun_s


def memory_mib(kind: str) -> float:
    """Of this process now: `RssAnon`, or `RssFile`, which is mostly what it has read of the store
    and the kernel may take back at any time."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = [line.split()[1] for line in lines if line.startswith(kind)]
    return int(kib) / 1024


async def seconds(work: Callable[[bytes], Awaitable[object]], items: Iterable[bytes]) -> float:
    """For all, with so many under way."""
    left = iter(items)

    async def one() -> None:
        for item in left:
            await work(item)

    begun_s = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(UNDER_WAY)))
    return time.perf_counter() - begun_s


async def measure(folder: Path, mib: int, rounds: int) -> dict[str, float]:
    def failed(error: BaseException) -> None:
        raise error

    shelf = Shelf(ChunkStore(folder / "chunks"), lambda: time.time_ns() // 1_000_000, failed)
    names: dict[bytes, bytes] = {}

    async def put(data: bytes) -> None:
        await shelf.put(names[data], data)

    size = mib * MIB // rounds
    puts: list[float] = []
    plain: list[float] = []
    large: list[bytes] = []
    held_mib = memory_mib("RssAnon")
    anonymous: list[float] = []
    for _ in range(rounds):
        data = chunks(size // CHUNK_BYTES_MAX, CHUNK_BYTES_MAX)
        names = {chunk: chunk_hash(chunk) for chunk in data}
        plain.append(size / MIB / write_and_sync(folder, data))
        puts.append(size / MIB / await seconds(put, data))
        large += names.values()
        anonymous.append(memory_mib("RssAnon") - sum(map(len, data)) / MIB)
    get_s = await seconds(shelf.get, large)
    data = chunks(1_500, SMALL_BYTES)
    names = {chunk: chunk_hash(chunk) for chunk in data}
    small = list(names.values())
    small_put_s = await seconds(put, data)
    small_get_s = await seconds(shelf.get, small)
    before = shelf.store.stats()
    for name in large[::2]:
        (facts,) = shelf.store.facts([name])
        assert facts is not None
        await shelf.commit(Drop(name, facts.touched_ms))
    data = chunks(len(large) // 2, CHUNK_BYTES_MAX - 5_000)
    names = {chunk: chunk_hash(chunk) for chunk in data}
    used = (folder / "chunks" / "data.mdb").stat().st_blocks * 512
    again_s = await seconds(put, data)
    grown = (folder / "chunks" / "data.mdb").stat().st_blocks * 512 - used
    result = {
        "write_and_sync_mb_per_s": statistics.median(plain),
        "put_mb_per_s": statistics.median(puts),
        "put_ratio": statistics.median(p / w for p, w in zip(puts, plain, strict=True)),
        "get_mb_per_s": len(large) * CHUNK_BYTES_MAX / MIB / get_s,
        "put_again_mb_per_s": sum(map(len, data)) / MIB / again_s,
        "grown_while_room_was_free_mb": grown / MIB,
        "free_mb": shelf.store.stats().free_bytes / MIB,
        "stored_mb": before.stored_bytes / MIB,
        "small_puts_per_s": len(small) / small_put_s,
        "small_gets_per_s": len(small) / small_get_s,
        "commits": shelf.figures["commits_total"],
        "memory_before_mb": held_mib,
        "memory_after_puts_mb": max(anonymous),
        "memory_of_the_file_mb": memory_mib("RssFile"),
    }
    await shelf.close()
    return {name: round(value, 3) for name, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    keep_memory()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), options.mib, options.rounds))))


if __name__ == "__main__":
    main()
