"""Rows that are not in the store yet: the layer that turns write into, and the one being made
durable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runtime.wire import Out

Writes = dict[int, dict[bytes, bytes | None]]
_MISSING = object()


class StoreReads(Protocol):
    """The reading side of a store."""

    def get(self, partition: int, key: bytes) -> bytes | None: ...

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]: ...


class Layer:
    """Everything that the turns since the last cut want to happen: rows by actor, and what is to be
    released once they are durable."""

    __slots__ = ("ephemeral", "outs", "partitions", "received", "rows", "streams", "turns")

    def __init__(self) -> None:
        self.rows: dict[bytes, dict[bytes, bytes | None]] = {}
        self.partitions: dict[bytes, int] = {}
        self.outs: list[tuple[str, Out]] = []
        self.received: set[tuple[str, int]] = set()
        """Answers (front, request) to messages that came by a stream."""
        self.streams: set[tuple[int, int]] = set()
        self.ephemeral: dict[str, list[bytes]] = {}
        self.turns = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.outs or self.ephemeral)

    def write(self, partition: int, prefix: bytes, writes: dict[bytes, bytes | None]) -> None:
        """Add the rows that a turn of the actor at `prefix` wrote. Takes over `writes`."""
        rows = self.rows.get(prefix)
        if rows is None:
            self.rows[prefix] = writes
            self.partitions[prefix] = partition
        else:
            rows.update(writes)

    def writes(self) -> Writes:
        """All rows by partition, as the store takes them."""
        flat: Writes = {}
        for prefix, rows in self.rows.items():
            flat.setdefault(self.partitions[prefix], {}).update(rows)
        return flat


class Committed:
    """The view of reads: what the store has, and nothing that might yet be lost."""

    def __init__(self, store: StoreReads) -> None:
        self.store = store

    def row(self, partition: int, prefix: bytes, key: bytes) -> bytes | None:
        return self.store.get(partition, key)

    def rows(
        self, partition: int, prefix: bytes, start: bytes, stop: bytes, limit: int, reverse: bool
    ) -> Sequence[tuple[bytes, bytes]]:
        return self.store.scan(partition, start, stop, limit=limit, reverse=reverse)


class Pending:
    """The view of turns: the store, under what earlier turns wrote since."""

    def __init__(self, store: StoreReads) -> None:
        self.store = store
        self.open = Layer()
        self.flying: Layer | None = None

    def row(self, partition: int, prefix: bytes, key: bytes) -> bytes | None:
        value: object
        rows = self.open.rows.get(prefix)
        if rows is not None:
            value = rows.get(key, _MISSING)
            if value is not _MISSING:
                return value  # type: ignore[return-value]
        if self.flying is not None:
            rows = self.flying.rows.get(prefix)
            if rows is not None:
                value = rows.get(key, _MISSING)
                if value is not _MISSING:
                    return value  # type: ignore[return-value]
        return self.store.get(partition, key)

    def rows(
        self, partition: int, prefix: bytes, start: bytes, stop: bytes, limit: int, reverse: bool
    ) -> Sequence[tuple[bytes, bytes]]:
        newer: dict[bytes, bytes | None] = {}
        for layer in (self.flying, self.open):
            if layer is not None:
                for key, value in layer.rows.get(prefix, {}).items():
                    if start <= key < stop:
                        newer[key] = value
        if not newer:
            return self.store.scan(partition, start, stop, limit=limit, reverse=reverse)
        # A pending delete hides a stored row, so that many more are needed to fill the limit.
        deletes = sum(value is None for value in newer.values())
        stored = self.store.scan(partition, start, stop, limit=limit + deletes, reverse=reverse)
        merged: dict[bytes, bytes | None] = dict(stored)
        merged.update(newer)
        alive = ((key, value) for key, value in merged.items() if value is not None)
        return sorted(alive, reverse=reverse)[:limit]
