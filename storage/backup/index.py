"""Which chunks of files are in a backup, as rows like others: so they are cut and shared in
the same way. The key is the name of a chunk, the row says which files consist of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import msgspec

from storage.backup.chunks import Row
from storage.chunk_reader import Held

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode


def row_of(held: Held) -> Row:
    return held.name, _encode(held.roots)


def held_in(rows: Iterable[Row]) -> Iterator[Held]:
    for name, row in rows:
        yield Held(name, _decode(row or b""))


def merged(*lists: Iterable[Held]) -> Iterator[Held]:
    """Every chunk once, with the files of all lists, each of which is sorted."""
    for name, some in groupby(heapq.merge(*lists), key=itemgetter(0)):
        yield Held(name, tuple(sorted({root for held in some for root in held.roots})))
