"""The rows of a shard in parts, for a snapshot that is sent while the shard is in use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from storage.port import Store

PART_BYTES = 128 * 1024
"""Reading and encoding so much, in small rows, keeps the loop for 3.5 ms (measured): a commit waits
no longer for it than that."""
STEP_ROWS = 32
BYTES_PER_S = 8 * 1024 * 1024
"""Of all snapshots that a host sends: at most a fifth of its loop (see docs/replication.md)."""
_END = b"\xff" * 512


class RowsPart(NamedTuple):
    """Rows of a partition; `last`: there are no more of any."""

    partition: int
    rows: dict[bytes, bytes | None]
    last: bool


def parts_of(store: Store, partitions: Sequence[int]) -> Iterator[RowsPart]:
    """All rows of these partitions, each part as it is when it is asked for: larger than
    `PART_BYTES` by no more than `STEP_ROWS` rows."""
    for partition in partitions:
        start: bytes | None = b""
        while start is not None:
            rows, start = _next_part(store, partition, start)
            yield RowsPart(partition, rows, start is None and partition == partitions[-1])


def _next_part(
    store: Store, partition: int, start: bytes
) -> tuple[dict[bytes, bytes | None], bytes | None]:
    """Rows from `start` on, and where the next part starts; None after the last one."""
    rows: dict[bytes, bytes | None] = {}
    size = 0
    while size < PART_BYTES:
        found = store.scan(partition, start, _END, limit=STEP_ROWS)
        rows.update(found)
        if len(found) < STEP_ROWS:
            return rows, None
        size += sum(len(key) + len(row) for key, row in found)
        start = found[-1][0] + b"\x00"
    return rows, start


class Pace:
    """Lets bytes pass at a rate: each call waits for what passed before it."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_s = 0.0

    async def wait(self, size: int) -> None:
        now_s = asyncio.get_running_loop().time()
        turn_s = max(now_s, self._free_s)
        self._free_s = turn_s + size / self._bytes_per_s
        await asyncio.sleep(turn_s - now_s)
