"""Typed tables of an actor's rows, and the view through which handlers read them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from runtime.refs import ActorRef, Caller
from storage.keys import text_key

K = TypeVar("K")
R = TypeVar("R")

HEAD = 0
"""Every kind's table 0 is its head: one row with an empty key."""


class View(Protocol):
    """An actor's rows to read, and who is asking when."""

    ref: ActorRef
    caller: Caller
    now_ms: int
    date_ms: int
    volatile: dict[Any, Any]
    """Facts that live as long as the host's process and are never stored (live connections)."""

    def get_row(self, table: bytes, suffix: bytes) -> bytes | None:
        """The row, or None. `table` is one byte."""

    def scan_rows(
        self, table: bytes, start: bytes, stop: bytes | None, limit: int, reverse: bool
    ) -> Sequence[tuple[bytes, bytes]]:
        """Up to `limit` (suffix, row) with start <= suffix < stop (None: to the table's end)."""


class Writer(View, Protocol):
    """A view that can also change the actor's rows: `writes` maps keys, which begin with the
    actor's `prefix`, to rows; None deletes."""

    prefix: bytes
    writes: dict[bytes, bytes | None]


class KeyCodec(NamedTuple):
    """How a table's keys become bytes whose order is the keys' order."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


_ONE, _TWO = struct.Struct(">Q"), struct.Struct(">QQ")

U64 = KeyCodec(_ONE.pack, lambda raw: _ONE.unpack(raw)[0])
U64_PAIR = KeyCodec(lambda pair: _TWO.pack(*pair), _TWO.unpack)
TEXT = KeyCodec(text_key, lambda raw: raw.decode())
"""Up to `storage.keys.TEXT_BYTES_MAX` bytes."""
SINGLE = KeyCodec(lambda _: b"", lambda _: None)

PAGE = 10_000
"""Rows that are read at a time where all are wanted."""

_encode = msgspec.msgpack.Encoder().encode


class Table(Generic[K, R]):
    """Rows of one type, ordered by key."""

    def __init__(self, number: int, row: type[R] | UnionType, key: KeyCodec) -> None:
        self.number = number
        self.row = row
        self.key = key
        self._tag = bytes([number])
        self._encode_key = key.encode
        self.decode = msgspec.msgpack.Decoder(row).decode

    def get(self, view: View, key: K) -> R | None:
        raw = view.get_row(self._tag, self._encode_key(key))
        return None if raw is None else self.decode(raw)

    def put(self, turn: Writer, key: K, row: R) -> None:
        turn.writes[turn.prefix + self._tag + self._encode_key(key)] = _encode(row)

    def delete(self, turn: Writer, key: K) -> None:
        turn.writes[turn.prefix + self._tag + self._encode_key(key)] = None

    def scan(
        self,
        view: View,
        start: K | None = None,
        stop: K | None = None,
        *,
        limit: int,
        reverse: bool = False,
    ) -> list[tuple[K, R]]:
        """Up to `limit` rows with start <= key < stop, from the end if `reverse`."""
        first = b"" if start is None else self.key.encode(start)
        last = None if stop is None else self.key.encode(stop)
        decode_key, decode = self.key.decode, self.decode
        return [
            (decode_key(suffix), decode(raw))
            for suffix, raw in view.scan_rows(self._tag, first, last, limit, reverse)
        ]

    def all(self, view: View, start: K | None = None, stop: K | None = None) -> list[tuple[K, R]]:
        """All rows with start <= key < stop: for tables that another bound keeps short enough."""
        first = b"" if start is None else self.key.encode(start)
        last = None if stop is None else self.key.encode(stop)
        found: list[tuple[K, R]] = []
        while True:
            rows = view.scan_rows(self._tag, first, last, PAGE, False)
            found += ((self.key.decode(suffix), self.decode(raw)) for suffix, raw in rows)
            if len(rows) < PAGE:
                return found
            first = rows[-1][0] + b"\0"


def head_table(row: type[R]) -> Table[None, R]:
    """The one head row of an actor."""
    return Table(HEAD, row, SINGLE)
