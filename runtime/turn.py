"""A turn: one actor handling one message, and all that it wants to happen.

Handlers see the world only through a `Turn`: clock, random numbers, rows, messages. Its effects
are collected here and take hold together when the handler returns, or not at all when it raises.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from runtime import wire
from runtime.refs import NOBODY, ActorRef, Caller
from runtime.wire import CLOSE, PUSH, Out, ReplyTo
from storage.keys import prefix_end


class RowReader(Protocol):
    """Reads of one partition, whoever's view they show."""

    def row(self, partition: int, prefix: bytes, key: bytes) -> bytes | None: ...

    def rows(
        self, partition: int, prefix: bytes, start: bytes, stop: bytes, limit: int, reverse: bool
    ) -> Sequence[tuple[bytes, bytes]]: ...


class Message(NamedTuple):
    """A message to an actor, within the process."""

    target: ActorRef
    content: Any
    caller: Caller = NOBODY
    reply_to: ReplyTo | None = None


def envelope_of(message: Message) -> bytes:
    """A message as it travels, and as it waits in rows."""
    raw = msgspec.Raw(wire.encode(message.content))
    return wire.encode(wire.Envelope(message.target, message.caller, message.reply_to, raw))


def message_in(raw: msgspec.Raw) -> Message:
    """The message in an envelope. Raises `msgspec.MsgspecError`."""
    envelope = wire.decode_envelope(raw)
    content = wire.decode_message(envelope.message)
    return Message(envelope.target, content, envelope.caller, envelope.reply_to)


class Timer(NamedTuple):
    """A durable timer: at `at_ms` (0: cancel it) the actor gets `message`."""

    name: str
    at_ms: int
    message: Any


class ReadView:
    """The rows of one actor as somebody may see them, see `runtime.rows.View`. `now_ms`
    passes evenly, whatever is done to the machine's clock: for waits, expiry and order. `date_ms`
    is what that clock says, to be shown; None: the same."""

    __slots__ = ("_partition", "_rows", "caller", "date_ms", "now_ms", "prefix", "ref", "volatile")

    def __init__(
        self,
        rows: RowReader,
        ref: ActorRef,
        partition: int,
        prefix: bytes,
        caller: Caller,
        now_ms: int,
        volatile: dict[Any, Any],
        date_ms: int | None = None,
    ) -> None:
        self._rows = rows
        self._partition = partition
        self.prefix = prefix
        self.ref = ref
        self.caller = caller
        self.now_ms = now_ms
        self.date_ms = now_ms if date_ms is None else date_ms
        self.volatile = volatile

    def get_row(self, table: bytes, suffix: bytes) -> bytes | None:
        return self._rows.row(self._partition, self.prefix, self.prefix + table + suffix)

    def scan_rows(
        self, table: bytes, start: bytes, stop: bytes | None, limit: int, reverse: bool
    ) -> Sequence[tuple[bytes, bytes]]:
        base = self.prefix + table
        end = prefix_end(base) if stop is None else base + stop
        cut = len(base)
        found = self._rows.rows(self._partition, self.prefix, base + start, end, limit, reverse)
        return [(key[cut:], value) for key, value in found]


class Turn(ReadView):
    """See the module. `random` is seeded by the host; `answer_to` is whom the answer goes to."""

    __slots__ = ("answer_to", "outs", "random", "sent", "timers", "told", "writes")

    def __init__(
        self,
        rows: RowReader,
        ref: ActorRef,
        partition: int,
        prefix: bytes,
        caller: Caller,
        now_ms: int,
        volatile: dict[Any, Any],
        rng: random.Random,
        answer_to: ReplyTo | None,
        date_ms: int | None = None,
    ) -> None:
        # Not by super().__init__: a turn is made for every message, and costs a third less so.
        self._rows = rows
        self._partition = partition
        self.prefix = prefix
        self.ref = ref
        self.caller = caller
        self.now_ms = now_ms
        self.date_ms = now_ms if date_ms is None else date_ms
        self.volatile = volatile
        self.random = rng
        self.answer_to = answer_to
        self.writes: dict[bytes, bytes | None] = {}
        self.sent: list[Message] = []
        self.told: list[Message] = []
        self.timers: list[Timer] = []
        self.outs: list[tuple[str, Out]] = []

    def get_row(self, table: bytes, suffix: bytes) -> bytes | None:
        key = self.prefix + table + suffix
        if key in self.writes:
            return self.writes[key]
        return self._rows.row(self._partition, self.prefix, key)

    def scan_rows(
        self, table: bytes, start: bytes, stop: bytes | None, limit: int, reverse: bool
    ) -> Sequence[tuple[bytes, bytes]]:
        """As `ReadView.scan_rows`; a handler scans before it writes, so that what it finds is what
        was there when the message came."""
        assert not self.writes, "scan before writing"
        return super().scan_rows(table, start, stop, limit, reverse)

    def send(self, target: ActorRef, message: Any, *, answer: bool = False) -> None:
        """Send a message: exactly once, in order per pair of partitions. With `answer`, whoever
        waits for this turn's answer gets the receiver's instead, and `caller` is passed on."""
        if answer:
            self.sent.append(Message(target, message, self.caller, self.answer_to))
            self.answer_to = None
        else:
            self.sent.append(Message(target, message))

    def tell(self, target: ActorRef, message: Any) -> None:
        """Send an ephemeral message: at most once, never stored."""
        self.told.append(Message(target, message))

    def push(self, front: str, connection: int, frame: bytes) -> None:
        """Send a frame to a live connection, once this turn is durable."""
        self.outs.append((front, Out(PUSH, connection, frame)))

    def close(self, front: str, connection: int, code: int) -> None:
        """Close a live connection, once this turn is durable."""
        self.outs.append((front, Out(CLOSE, connection, b"%d" % code)))

    def set_timer(self, name: str, at_ms: int, message: Any) -> None:
        """Send this actor `message` at `at_ms`, even if the host restarts; replaces the timer of
        this name."""
        assert at_ms > 0
        self.timers.append(Timer(name, at_ms, message))

    def cancel_timer(self, name: str) -> None:
        self.timers.append(Timer(name, 0, None))
