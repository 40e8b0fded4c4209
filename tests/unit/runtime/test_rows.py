"""Typed rows: read back as they were put, ordered by key, and checked when they are read."""

from __future__ import annotations

import random
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from runtime.layers import Pending
from runtime.refs import NOBODY, ActorRef
from runtime.rows import HEAD, SINGLE, TEXT, U64, U64_PAIR, KeyCodec, Table, head_table
from runtime.turn import Turn
from storage.codec import VERSION, seal, unseal
from storage.keys import TEXT_BYTES_MAX, actor_prefix
from storage.memory import MemoryStore
from storage.port import BadKey

U64S = st.integers(0, 2**64 - 1)


class First(Struct, frozen=True, array_like=True):
    """A row as it was once."""

    name: str
    count: int = 0


class Second(Struct, frozen=True, array_like=True):
    """The same row in a later version: a field is appended."""

    name: str
    count: int = 0
    more: str = "none"


PLAIN: Table[int, First] = Table(3, First, U64)
NAMED: Table[str, First] = Table(4, First, TEXT)


def turn_of(ref: ActorRef, pending: Pending) -> Turn:
    prefix = actor_prefix(1, ref.key)
    return Turn(pending, ref, 0, prefix, NOBODY, 5, {}, random.Random(0), None)


def keep(turn: Turn, pending: Pending) -> None:
    pending.open.write(0, turn.prefix, dict(turn.writes))


@pytest.mark.parametrize(
    ("codec", "keys"),
    [
        (U64, st.lists(U64S, min_size=2)),
        (U64_PAIR, st.lists(st.tuples(U64S, U64S), min_size=2)),
    ],
    ids=["numbers", "pairs"],
)
def test_keys_come_back_and_keep_their_order(
    codec: KeyCodec, keys: st.SearchStrategy[list[object]]
) -> None:
    @given(keys)
    def check(keys: list[object]) -> None:
        assert [codec.decode(codec.encode(key)) for key in keys] == keys
        assert sorted(keys, key=codec.encode) == sorted(keys)  # type: ignore[type-var]

    check()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_texts_as_keys_come_back(text: str) -> None:
    assert TEXT.decode(TEXT.encode(text)) == text


def test_a_key_that_has_no_place_is_refused() -> None:
    with pytest.raises(BadKey):
        TEXT.encode("x" * (TEXT_BYTES_MAX + 1))
    for number in (-1, 2**64):
        with pytest.raises(struct.error):
            U64.encode(number)


def test_a_head_is_one_row_of_table_0() -> None:
    table = head_table(First)
    pending = Pending(MemoryStore())
    turn = turn_of(ActorRef("user", 1), pending)
    assert table.get(turn, None) is None
    table.put(turn, None, First("a", 1))
    assert turn.writes.keys() == {turn.prefix + bytes([HEAD])}
    assert table.get(turn, None) == First("a", 1), "a turn sees its own writes"
    table.delete(turn, None)
    assert table.get(turn, None) is None
    assert SINGLE.decode(b"") is None


def test_a_turn_sees_what_earlier_turns_wrote() -> None:
    pending = Pending(MemoryStore())
    ref = ActorRef("user", 1)
    first = turn_of(ref, pending)
    for number in (3, 1, 2):
        PLAIN.put(first, number, First(f"n{number}"))
    keep(first, pending)
    second = turn_of(ref, pending)
    assert PLAIN.scan(second, limit=9) == [(n, First(f"n{n}")) for n in (1, 2, 3)]
    assert PLAIN.scan(second, 2, limit=9) == [(2, First("n2")), (3, First("n3"))]
    assert PLAIN.scan(second, 1, 3, limit=9) == [(1, First("n1")), (2, First("n2"))]
    assert PLAIN.scan(second, limit=1, reverse=True) == [(3, First("n3"))]
    PLAIN.delete(second, 2)
    assert PLAIN.get(second, 2) is None
    assert PLAIN.get(first, 2) == First("n2")


def test_a_scan_after_a_write_of_the_same_turn_is_a_defect() -> None:
    turn = turn_of(ActorRef("user", 1), Pending(MemoryStore()))
    PLAIN.put(turn, 1, First("a"))
    with pytest.raises(AssertionError, match="scan before writing"):
        PLAIN.scan(turn, limit=1)


def test_tables_and_actors_are_apart() -> None:
    pending = Pending(MemoryStore())
    for number in (1, 2):
        turn = turn_of(ActorRef("user", number), pending)
        PLAIN.put(turn, 7, First("plain", number))
        NAMED.put(turn, "7", First("named", number))
        keep(turn, pending)
    turn = turn_of(ActorRef("user", 1), pending)
    assert PLAIN.scan(turn, limit=9) == [(7, First("plain", 1))]
    assert NAMED.scan(turn, limit=9) == [("7", First("named", 1))]


def test_a_row_of_an_older_version_reads_with_defaults() -> None:
    pending = Pending(MemoryStore())
    turn = turn_of(ActorRef("user", 1), pending)
    PLAIN.put(turn, 1, First("a", 5))
    newer: Table[int, Second] = Table(3, Second, U64)
    assert newer.get(turn, 1) == Second("a", 5, "none")
    newer.put(turn, 1, Second("a", 5, "field"))
    assert PLAIN.get(turn, 1) == First("a", 5), "and a newer one without what is not known"


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93\x01", b"\x92\x05\x05", b"\x90", b"\xa1a"])
def test_a_row_of_another_type_is_found_when_it_is_read(raw: bytes) -> None:
    pending = Pending(MemoryStore())
    turn = turn_of(ActorRef("user", 1), pending)
    pending.open.write(0, turn.prefix, {turn.prefix + b"\x03" + U64.encode(1): raw})
    with pytest.raises(msgspec.MsgspecError):
        PLAIN.get(turn, 1)
    with pytest.raises(msgspec.MsgspecError):
        PLAIN.scan(turn, limit=1)


def test_the_format_of_a_stored_row_stays_what_it_is() -> None:
    assert VERSION == 1
    assert seal(b"key", b"row") == bytes.fromhex("01ef6566d8") + b"row"


@given(st.binary(min_size=1, max_size=20), st.binary(max_size=40), st.data())
def test_a_stored_row_is_checked(key: bytes, row: bytes, data: st.DataObject) -> None:
    sealed = seal(key, row)
    assert unseal(key, sealed) == row
    at = data.draw(st.integers(0, len(sealed) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(sealed)
    damaged[at] ^= 1 << bit
    assert unseal(key, bytes(damaged)) is None
    assert unseal(key + b"x", sealed) is None, "in the wrong place"
    assert unseal(key, sealed[:at]) is None, "cut off"


def test_a_row_of_a_newer_format_is_refused() -> None:
    sealed = seal(b"key", b"row")
    assert unseal(b"key", bytes([VERSION + 1]) + sealed[1:]) is None
