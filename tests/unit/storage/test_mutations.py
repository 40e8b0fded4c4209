"""The tests of small stores bite: with any one rule left out, one of them fails."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from storage import slots
from storage.port import StorageError
from storage.replica import Kept, LmdbReplica
from storage.slots import Slots
from tests.unit.storage import test_replica as replicas
from tests.unit.storage import test_slots as values

Patch = pytest.MonkeyPatch
FOUND = (AssertionError, KeyError, StorageError, pytest.fail.Exception)
"""How a test tells; anything else may be a mistake in the mutation."""


class Mutation(NamedTuple):
    """`old` in the source of a function becomes `new`."""

    title: str
    owner: Any
    name: str
    old: str
    new: str

    def apply(self, patch: Patch) -> None:
        function = getattr(self.owner, self.name)
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.old) == 1, source
        names: dict[str, Any] = {}
        exec(source.replace(self.old, self.new), function.__globals__, names)
        patch.setattr(self.owner, self.name, names[self.name])


SLOTS = [
    Mutation("forget the checksum", Slots, "__init__", "_checksum(number, value) == check", "True"),
    Mutation("leave the number unchecked", slots, "_checksum", 'number.to_bytes(8, "big")', "b''"),
    Mutation("leave the value unchecked", slots, "_checksum", "crc32(value, ", "crc32(b'', "),
    Mutation("write always the same slot", Slots, "write", "number % 2 * SLOT_BYTES", "0"),
    Mutation("give a number twice", Slots, "write", "self._number + 1", "max(1, self._number)"),
    Mutation("read the second slot", Slots, "__init__", "number > self._number", "number"),
    Mutation("do not sync", Slots, "write", "os.fsync(file.fileno())", "pass"),
    Mutation("do not sync the name", Slots, "_make", "sync_folder(self._path.parent)", "pass"),
    Mutation(
        "make it without a draft", Slots, "_make", 'self._path.with_suffix(".new")', "self._path"
    ),
    Mutation("make room for one", Slots, "_make", "2 * SLOT_BYTES", "SLOT_BYTES + 16"),
    Mutation("allow too much", Slots, "write", "<= SLOT_BYTES - _HEADER.size", "<= SLOT_BYTES"),
    Mutation("show the old one", Slots, "write", "= number, value", "= number, self._value"),
]
REPLICA = [
    Mutation("trim what is not shown", Kept, "trim", " and self._first <= shown", ""),
    Mutation("trim one too many", Kept, "trim", "<= shown", "<= shown + 1"),
    Mutation("never trim", Kept, "trim", "> KEPT_BYTES", "> 1 << 60"),
    Mutation("trim from the start of time", Kept, "add", "not self._records", "False"),
    Mutation("do not count what comes", Kept, "add", "self._bytes += len(record)", "pass"),
    Mutation("drop one too few", Kept, "drop_after", "n > number", "n > number + 1"),
    Mutation("drop one too many", Kept, "drop_after", "n > number", "n >= number"),
    Mutation("do not count what is dropped", Kept, "drop_after", "self._bytes -= len", "len"),
    Mutation("give more than fits", Kept, "after", "bytes_max < 0", "bytes_max < -1"),
    Mutation("give nothing", Kept, "after", "found and bytes_max", "bytes_max"),
    Mutation("keep nothing", LmdbReplica, "keep", "self._kept.add(number, record)", "pass"),
    Mutation("keep what is gone", LmdbReplica, "truncate", "self._kept.drop_after(after)", "pass"),
    Mutation("take nothing back", LmdbReplica, "truncate", "self.log.truncate(after)", "pass"),
    Mutation("take back what is shown", LmdbReplica, "truncate", ">= self.installed", ">= 0"),
    Mutation("hold nothing", LmdbReplica, "hold", "self._held[copy] = after", "pass"),
    Mutation("hold for ever", LmdbReplica, "hold", "self._held.pop(copy, None)", "pass"),
    Mutation("hold without room", LmdbReplica, "_give_way", "self._held.clear()", "pass"),
]


def of_slots(folder: Path, patch: Patch) -> Iterator[Callable[[], None]]:
    for test in (
        values.test_it_is_empty_at_first_and_has_its_full_size,
        values.test_the_newest_value_is_read_also_by_another,
        values.test_a_value_may_fill_its_slot,
        values.test_a_write_that_was_cut_short_leaves_the_value_before_it,
        values.test_a_flipped_bit_in_the_newest_leaves_the_value_before_it,
        values.test_a_crash_while_it_is_made_leaves_nothing_in_the_way,
        values.test_a_write_needs_no_room,
    ):
        path = folder / test.__name__
        path.mkdir()
        yield partial(test, path)
    for patched in (
        values.test_its_name_is_synced_before_a_value_is_durable,
        values.test_a_write_that_fails_stops_the_process,
    ):
        path = folder / patched.__name__
        path.mkdir()
        with patch.context() as inner:
            yield partial(patched, path, inner)


def of_a_replica(folder: Path, patch: Patch) -> Iterator[Callable[[], None]]:
    for test in (
        replicas.test_records_are_read_as_many_as_there_is_room_for,
        replicas.test_what_is_shown_is_not_taken_back,
        partial(replicas.test_what_is_taken_back_stays_away, after=9),
    ):
        yield partial(test, replicas.Folder(folder / str(test)))
    for patched in (
        replicas.test_only_what_is_shown_leaves_the_memory,
        replicas.test_a_new_life_trims_from_where_it_begins,
    ):
        with patch.context() as inner:
            yield partial(patched, folder / patched.__name__, inner)
    for placed in (
        replicas.test_what_is_in_memory_is_told_from_what_must_be_read,
        replicas.test_the_log_is_held_for_a_copy_until_it_is_told_otherwise,
    ):
        with patch.context() as inner:
            yield partial(placed, replicas.Folder(folder / placed.__name__), inner)
    yield partial(replicas.test_without_room_nothing_is_held, folder / "room")


@pytest.mark.parametrize("tests", [of_slots, of_a_replica])
def test_without_a_mutation_nothing_is_found(
    tests: Callable[[Path, Patch], Iterator[Callable[[], None]]],
    tmp_path: Path,
    monkeypatch: Patch,
) -> None:
    for test in tests(tmp_path, monkeypatch):
        test()


@pytest.mark.parametrize(
    ("mutation", "tests"),
    [
        *(pytest.param(m, of_slots, id=f"slots: {m.title}") for m in SLOTS),
        *(pytest.param(m, of_a_replica, id=f"replica: {m.title}") for m in REPLICA),
    ],
)
def test_a_mutation_is_found(
    mutation: Mutation,
    tests: Callable[[Path, Patch], Iterator[Callable[[], None]]],
    tmp_path: Path,
    monkeypatch: Patch,
) -> None:
    mutation.apply(monkeypatch)
    for test in tests(tmp_path, monkeypatch):
        try:
            test()
        except FOUND as error:
            print(f"{test}: {error!r}")
            return
    raise AssertionError("nothing was found")
