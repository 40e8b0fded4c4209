"""Rows that are durable in the log but not in LMDB yet."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice

from storage.port import Writes

ROW_BYTES = 250
"""What a row takes in memory, roughly: key, row and their objects."""


class Memtable:
    """Rows by partition. Puts are plain dict puts; keys are sorted when a scan first needs it."""

    def __init__(self) -> None:
        self.rows: Writes = {}
        self.bytes = 0
        self._sorted: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def install(self, writes: Writes) -> None:
        for partition, rows in writes.items():
            mine = self.rows.get(partition)
            if mine is None:
                self.rows[partition] = dict(rows)
            else:
                mine.update(rows)
            self.bytes += len(rows) * ROW_BYTES

    def scan(self, partition: int, start: bytes, stop: bytes) -> dict[bytes, bytes | None]:
        """All rows with start <= key < stop, deletions included, in order of keys."""
        rows = self.rows.get(partition)
        if not rows:
            return {}
        keys = self._sorted.get(partition)
        if keys is None:
            keys = self._sorted[partition] = sorted(rows)
        elif len(keys) != len(rows):
            # Dicts keep insertion order: what is not sorted yet is at the end.
            known = len(keys)
            keys.extend(islice(rows, known, None))
            keys.sort()
        first, last = bisect_left(keys, start), bisect_left(keys, stop)
        return {key: rows[key] for key in keys[first:last]}
