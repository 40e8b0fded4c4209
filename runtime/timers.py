"""Durable timers, as rows: an index by time that the host takes what is due from, and one by name
so that a timer can be replaced or cancelled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from runtime import wire
from runtime.layers import Layer, Pending
from runtime.refs import ActorRef, prefix_of
from runtime.streams import system_prefix
from runtime.turn import Timer
from storage.keys import prefix_end
from storage.port import CorruptRow

log = logging.getLogger(__name__)

BY_TIME, BY_NAME = 4, 5
DUE_PER_ROUND_MAX = 100
TIMERS_MAX = 10_000
"""Of one actor."""
NEVER_MS = 2**62


class Alarm(Struct, frozen=True, array_like=True):
    """A timer's row by time."""

    ref: ActorRef
    name: str
    message: msgspec.Raw


_decode = msgspec.msgpack.Decoder(Alarm).decode


class Timers:
    """The timers of the partitions of one host. `next_ms` is when the earliest may be due."""

    def __init__(self, pending: Pending, partitions: Iterable[int]) -> None:
        self._pending = pending
        self._partitions = sorted(partitions)
        self._next: dict[int, int] = {}
        self.forget()

    def forget(self) -> None:
        """Drop what is cached; the rows say it."""
        self._next = dict.fromkeys(self._partitions, 0)

    @property
    def next_ms(self) -> int:
        return min(self._next.values(), default=NEVER_MS)

    def change(self, layer: Layer, partition: int, ref: ActorRef, timers: list[Timer]) -> None:
        """Set or cancel timers of an actor."""
        prefix = system_prefix(partition)
        owner = prefix_of(ref)
        for timer in timers:
            by_name = b"%b%c%b%b" % (prefix, BY_NAME, owner, timer.name.encode())
            rows: dict[bytes, bytes | None] = {}
            old = self._pending.row(partition, prefix, by_name)
            if old is not None:
                rows[_time_key(prefix, old, owner, timer.name)] = None
            if timer.at_ms:
                at = timer.at_ms.to_bytes(8, "big")
                raw = msgspec.Raw(wire.encode(timer.message))
                alarm = wire.encode(Alarm(ref, timer.name, raw))
                rows[_time_key(prefix, at, owner, timer.name)] = alarm
                rows[by_name] = at
                self._next[partition] = min(self._next[partition], timer.at_ms)
            elif old is not None:
                rows[by_name] = None
            if rows:
                layer.write(partition, prefix, rows)

    def of(self, partition: int, ref: ActorRef) -> list[tuple[str, int, bytes]]:
        """The timers of an actor: name, time, message."""
        prefix, owner = system_prefix(partition), prefix_of(ref)
        base = b"%b%c%b" % (prefix, BY_NAME, owner)
        found: list[tuple[str, int, bytes]] = []
        rows = self._pending.rows(partition, prefix, base, prefix_end(base), TIMERS_MAX, False)
        for key, at in rows:
            name = key[len(base) :].decode()
            raw = self._pending.row(partition, prefix, _time_key(prefix, at, owner, name))
            if raw is not None:
                message = bytes(_decode(raw).message)
                found.append((name, int.from_bytes(at, "big"), message))
        return found

    def take_due(self, now_ms: int) -> list[tuple[ActorRef, Any]]:
        """Delete what is due, and say whom it is for. The deletion becomes durable in the batch of
        what the messages cause."""
        due: list[tuple[ActorRef, Any]] = []
        for partition, next_ms in self._next.items():
            if next_ms > now_ms:
                continue
            prefix = system_prefix(partition)
            base = b"%b%c" % (prefix, BY_TIME)
            rows = self._sound_rows(partition, prefix, base, prefix_end(base))
            self._next[partition] = NEVER_MS
            for key, raw in rows:
                at_ms = int.from_bytes(key[len(base) : len(base) + 8], "big")
                if at_ms > now_ms:
                    self._next[partition] = at_ms
                    break
                self._next[partition] = at_ms
                alarm = _decode(raw)
                owner = prefix_of(alarm.ref)
                by_name = b"%b%c%b%b" % (prefix, BY_NAME, owner, alarm.name.encode())
                self._pending.open.write(partition, prefix, {key: None, by_name: None})
                due.append((alarm.ref, wire.decode_message(alarm.message)))
        return due

    def _sound_rows(
        self, partition: int, prefix: bytes, start: bytes, stop: bytes
    ) -> Sequence[tuple[bytes, bytes]]:
        """The next rows by time. One that is damaged is passed over: it must not keep the host from
        starting, nor other timers from firing."""
        limit = DUE_PER_ROUND_MAX
        try:
            return self._pending.rows(partition, prefix, start, stop, limit, False)
        except CorruptRow as error:
            log.error("a timer is lost: %s", error)
            before = self._pending.rows(partition, prefix, start, error.key, limit, False)
            after = self._sound_rows(partition, prefix, error.key + b"\x00", stop)
            return [*before, *after][:limit]


def _time_key(prefix: bytes, at: bytes, owner: bytes, name: str) -> bytes:
    return b"%b%c%b%b%b" % (prefix, BY_TIME, at, owner, name.encode())
