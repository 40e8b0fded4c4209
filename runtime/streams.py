"""Streams: exactly-once messages between partitions of different hosts, as rows.

Sender: each message is a row in the outbox of the sending partition, written in the batch of the
turn that sent it, numbered per pair of partitions. It is deleted when the receiver has said that
everything up to its number is durable. Receiver: the highest number of each source is a row that
is written in the batch of the effects; what is not above it does nothing. So a message takes
effect once, in order per pair, whichever side dies when.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from runtime.layers import Layer, Pending
from runtime.placement import Placement
from runtime.wire import Receipt, Shipment
from storage.keys import actor_prefix, prefix_end

# Tables of the runtime's own rows (kind 0), one set per partition.
OUTBOX, NUMBERS, WATERMARKS, DEAD = 1, 2, 3, 6

SHIPMENT_MESSAGES_MAX = 256
SHIPMENT_BYTES_MAX = 64 * 1024
TARGETS_MAX = 10**6


def system_prefix(partition: int) -> bytes:
    """The prefix of the runtime's own rows in a partition."""
    return actor_prefix(0, partition)


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


class Streams:
    """The state of all streams from and to the partitions of one host."""

    def __init__(self, pending: Pending, placement: Placement) -> None:
        self._pending = pending
        self._placement = placement
        self._numbers: dict[tuple[int, int], int] = {}
        self._watermarks: dict[tuple[int, int], int] = {}
        self.shipped: dict[tuple[int, int], int] = {}

    def forget(self) -> None:
        """Drop what is cached; the rows say it. What they still hold is shipped again."""
        self._numbers.clear()
        self._watermarks.clear()
        self.shipped.clear()

    # --- sending ------------------------------------------------------------------------------

    def post(self, layer: Layer, source: int, target: int, envelope: bytes) -> None:
        """Put a message into the outbox of `source`."""
        stream = (source, target)
        number = self._numbers.get(stream)
        if number is None:
            number = self._read_number(source, NUMBERS, target)
        number += 1
        self._numbers[stream] = number
        prefix = system_prefix(source)
        rows: dict[bytes, bytes | None] = {
            b"%b%c%b%b" % (prefix, OUTBOX, _u64(target), _u64(number)): envelope,
            b"%b%c%b" % (prefix, NUMBERS, _u64(target)): _u64(number),
        }
        layer.write(source, prefix, rows)
        layer.streams.add(stream)

    def waiting(self, partitions: Iterable[int]) -> set[tuple[int, int]]:
        """The streams that have something in their durable outbox (asked once, at start)."""
        found: set[tuple[int, int]] = set()
        for source in partitions:
            base = b"%b%c" % (system_prefix(source), OUTBOX)
            start, stop = base, base + b"\xff" * 17
            while rows := self._pending.store.scan(source, start, stop, limit=1):
                target = int.from_bytes(rows[0][0][len(base) : len(base) + 8], "big")
                found.add((source, target))
                start = base + _u64(target) + b"\xff" * 9
        return found

    def number(self, source: int, target: int) -> int:
        """The number of the last message that was sent."""
        return self._numbers.get((source, target)) or self._read_number(source, NUMBERS, target)

    def numbers(self, source: int) -> dict[int, int]:
        """The same for all targets that were ever sent anything."""
        prefix = system_prefix(source)
        base = b"%b%c" % (prefix, NUMBERS)
        rows = self._pending.rows(source, prefix, base, prefix_end(base), TARGETS_MAX, False)
        return {int.from_bytes(key[-8:], "big"): int.from_bytes(row, "big") for key, row in rows}

    def oldest(self, source: int, target: int) -> int | None:
        """The number of the first message that is not known to have taken effect."""
        prefix = system_prefix(source)
        base = b"%b%c%b" % (prefix, OUTBOX, _u64(target))
        rows = self._pending.rows(source, prefix, base, base + b"\xff" * 9, 1, False)
        return int.from_bytes(rows[0][0][-8:], "big") if rows else None

    def shipment(self, source: int, target: int) -> Shipment | None:
        """The next durable messages of a stream that have not been shipped; None if there are
        none."""
        base = b"%b%c%b" % (system_prefix(source), OUTBOX, _u64(target))
        start = base + _u64(self.shipped.get((source, target), 0) + 1)
        rows = self._pending.store.scan(
            source, start, base + b"\xff" * 9, limit=SHIPMENT_MESSAGES_MAX
        )
        if not rows:
            return None
        first = int.from_bytes(rows[0][0][-8:], "big")
        envelopes: list[msgspec.Raw] = []
        size = 0
        for key, envelope in rows:
            assert int.from_bytes(key[-8:], "big") == first + len(envelopes), "a hole in a stream"
            size += len(envelope)
            if envelopes and size > SHIPMENT_BYTES_MAX:
                break
            envelopes.append(msgspec.Raw(envelope))
        self.shipped[(source, target)] = first + len(envelopes) - 1
        return Shipment(source, target, first, envelopes)

    def rewind(self, source: int, target: int) -> None:
        """It is not known whether the last shipments arrived: ship from the oldest again."""
        self.shipped.pop((source, target), None)

    def acknowledge(self, layer: Layer, receipt: Receipt) -> int:
        """Delete what the receiver has; returns how many messages. Of very many that it had before
        (the sender has lost that it knew), some: what comes next is shipped again, and then these
        are deleted with it."""
        source, target = receipt.source, receipt.target
        prefix = system_prefix(source)
        base = b"%b%c%b" % (prefix, OUTBOX, _u64(target))
        stop = base + _u64(receipt.watermark + 1)
        most = 4 * SHIPMENT_MESSAGES_MAX
        rows = self._pending.rows(source, prefix, base, stop, most, False)
        if rows:
            layer.write(source, prefix, {key: None for key, _ in rows})
        if len(rows) == most:
            self.shipped[(source, target)] = int.from_bytes(rows[-1][0][-8:], "big")
        elif self.shipped.get((source, target), 0) < receipt.watermark:
            self.shipped[(source, target)] = receipt.watermark
        return len(rows)

    # --- receiving ----------------------------------------------------------------------------

    def watermark(self, source: int, target: int) -> int:
        """The number of the last message of `source` that took effect in `target`."""
        mark = self._watermarks.get((source, target))
        if mark is None:
            mark = self._read_number(target, WATERMARKS, source)
            self._watermarks[(source, target)] = mark
        return mark

    def advance(self, source: int, target: int, mark: int) -> None:
        """Store the watermark with the effects, in the layer that is open."""
        if mark == self.watermark(source, target):
            return
        assert mark > self.watermark(source, target)
        self._watermarks[(source, target)] = mark
        prefix = system_prefix(target)
        key = b"%b%c%b" % (prefix, WATERMARKS, _u64(source))
        self._pending.open.write(target, prefix, {key: _u64(mark)})

    def bury(self, layer: Layer, partition: int, number: int, envelope: bytes) -> None:
        """Keep a message that its actor failed at."""
        prefix = system_prefix(partition)
        layer.write(partition, prefix, {b"%b%c%b" % (prefix, DEAD, _u64(number)): envelope})

    def _read_number(self, partition: int, table: int, other: int) -> int:
        prefix = system_prefix(partition)
        raw = self._pending.row(partition, prefix, b"%b%c%b" % (prefix, table, _u64(other)))
        return 0 if raw is None else int.from_bytes(raw, "big")
