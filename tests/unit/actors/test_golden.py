"""What is on disk and between processes is read by later versions: `tests/formats/golden.txt` has
every message and every row as it was written first. A line there stays as it is for ever.

A message or row that is new gets a line, which the test tells; so does one whose tag, table or
fields have changed, where that must not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from actors.kinds import KINDS
from actors.verify.walk import CHECKS
from runtime.messages import KNOWN
from runtime.refs import KIND_NAMES
from runtime.rows import Table
from tests.formats.folders import ARCHIVES
from tests.unit.actors.filled import GREATEST, filled

GOLDEN = ARCHIVES / "golden.txt"


def tables() -> Iterator[tuple[str, Table[Any, Any]]]:
    for number, check in CHECKS.items():
        for table in check.tables:
            yield KIND_NAMES[number], table


def alternatives(row: Any) -> tuple[Any, ...]:
    """The types of a row that is one of several."""
    return getattr(row, "__args__", None) or (row,)


def written_now() -> dict[str, bytes]:
    """What this version writes, by name."""
    found = {
        f"message {tag}": msgspec.msgpack.encode(filled(message, GREATEST))
        for tag, message in KNOWN.by_tag.items()
    }
    for kind, table in tables():
        for row in alternatives(table.row):
            name = f"row {kind} {table.number} {row.__name__}"
            found[name] = msgspec.msgpack.encode(filled(row, GREATEST))
    return found


def read(name: str, raw: bytes) -> Any:
    """As this version reads it."""
    what, *rest = name.split()
    if what == "message":
        return KNOWN.decode(raw)
    kind, number, _ = rest
    (table,) = (table for of, table in tables() if of == kind and table.number == int(number))
    return table.decode(raw)


def begins_as(now: Any, before: Any) -> bool:
    """Fields may have been appended, also to what is within."""
    if isinstance(before, list) and isinstance(now, list):
        pairs = zip(now, before, strict=False)
        return len(now) >= len(before) and all(begins_as(a, b) for a, b in pairs)
    if isinstance(before, dict) and isinstance(now, dict):
        return all(key in now and begins_as(now[key], value) for key, value in before.items())
    return bool(now == before)


LINES = dict(line.rsplit(" ", 1) for line in GOLDEN.read_text().splitlines())


@pytest.mark.parametrize("name", LINES)
def test_what_was_written_first_is_read(name: str) -> None:
    raw = bytes.fromhex(LINES[name])
    again = msgspec.msgpack.encode(read(name, raw))
    assert begins_as(msgspec.msgpack.decode(again), msgspec.msgpack.decode(raw))


def test_everything_has_its_line() -> None:
    now = written_now()
    new = [f"{name} {now[name].hex()}" for name in now if name not in LINES]
    assert not new, "append to tests/formats/golden.txt:\n" + "\n".join(new)


def test_tables_of_a_kind_are_told_apart() -> None:
    numbers = [(kind, table.number) for kind, table in tables()]
    assert len(set(numbers)) == len(numbers)
    assert {kind for kind, _ in numbers} == set(KINDS)
