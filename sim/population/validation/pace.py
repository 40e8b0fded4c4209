"""How fast the machine is just now: one that shares its cores and memory with others changes from
second to second, and what anything takes changes with it."""

from __future__ import annotations

from time import thread_time

import msgspec

ROWS = 20_000
_ROW = b"what a row holds, more or less: " * 4


def pace_s() -> float:
    """The CPU that a fixed piece of work takes: keys and rows are made, packed, and put into dicts,
    as a host does it. Some 20 ms."""
    begun_s = thread_time()
    rows: dict[bytes, bytes] = {}
    for number in range(ROWS):
        rows[b"key %d" % (number * 7_919 % ROWS)] = msgspec.msgpack.encode((number, _ROW))
    merged = dict(rows)
    merged.update(rows)
    return thread_time() - begun_s
