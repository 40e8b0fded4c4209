"""What `heliograph admin storage` finds in rows and chunks, and how it tells it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import addresses
from api import limits
from api import methods as m
from heliograph.admin import live
from heliograph.admin.accounting import ChunkUse, chunk_use, file_use
from media.listing import ChunkLine
from runtime.placement import own_host, own_partition
from runtime.refs import KINDS, partition_of
from runtime.residence import RESIDENCES, Phase, Residence
from storage.engine import LmdbStore
from storage.folder import DataFolder
from storage.keys import actor_prefix
from tests.unit.admin.folders import checkpoint
from tests.unit.admin.test_commands import admin
from tests.unit.media.desk import Desk

GRACE_MS = limits.FILE_GRACE_S * 1000
NOW_MS = 2 * GRACE_MS
Rows = dict[bytes, bytes | None]


@contextlib.contextmanager
def store_of(path: Path, host: str, partitions: Iterable[int]) -> Iterator[LmdbStore]:
    store = LmdbStore(path / host, partitions, map_bytes=1 << 26)
    yield store
    store.close()


def write(store: LmdbStore, partition: int, rows: Rows) -> None:
    writes = {partition: rows}
    store.append(writes)
    store.install(writes)


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A folder with files. Every other row is in LMDB, the others are in the logs."""
    desk = Desk()
    again = desk.alice.upload(b"x" * 100)
    for _ in range(3):
        desk.alice.send(desk.chat, again.ticket)
    group = desk.bob.call(m.CreateGroup("[b]Friends[/b]", 1)).id
    desk.bob.send(group, desk.bob.upload(b"y" * 70).ticket)
    desk.bob.upload(b"z" * 7)
    notes = desk.alice.call(m.OpenPrivate(desk.alice.caller.user_id)).id
    desk.alice.send(notes, again.ticket)
    desk.town.settle()
    path = tmp_path / "used"
    DataFolder.open(path, partitions=8, hosts=2).close()
    for host, source in desk.town.stored():
        with store_of(path, host, source.partitions) as store:
            for first in (0, 1):
                for partition, rows in source.by_partition.items():
                    write(store, partition, dict(sorted(rows.items())[first::2]))
                if not first:
                    checkpoint(store)
    return path


def test_files_are_counted_once_and_their_uses_apart(used: Path) -> None:
    use = file_use(used, 10)
    (kind,) = use.kinds.values()
    assert list(use.kinds) == ["file"]
    assert (kind.files, kind.bytes, kind.uses, kind.used_bytes) == (3, 177, 5, 470)
    assert (kind.unused_files, kind.unused_bytes) == (1, 7)
    assert (use.bytes, use.used_again_bytes) == (177, 300)
    assert (use.damaged_rows, use.partitions_missing) == (0, 0)


def test_who_takes_most_comes_first_with_names(used: Path) -> None:
    use = file_use(used, 10)
    assert [(user.bytes, user.name) for user in use.users] == [
        (100, "alice (alice)"),
        (77, "bobby (bobby)"),
    ]
    chats = {chat.name: chat.bytes for chat in use.chats}
    assert chats.pop("[b]Friends[/b]") == 70
    assert chats.pop("saved messages of alice (alice)") == 100
    ((name, size),) = chats.items()
    assert (size, sorted(name.split(" and "))) == (300, ["alice (alice)", "bobby (bobby)"])
    assert [chat.bytes for chat in use.chats] == [300, 100, 70]
    assert [chat.bytes for chat in file_use(used, 2).chats] == [300, 100]


def test_a_chat_that_moves_counts_once(used: Path) -> None:
    """Where it has been until it has left, then where it has arrived."""
    before = file_use(used, 10).chats
    (group,) = (str(chat.id) for chat in before if chat.name == "[b]Friends[/b]")
    ref = addresses.chat(group)
    home, own = partition_of(ref, 8), own_partition(ref)
    pooled, alone = (f"host-{home % 2}", range(home % 2, 8, 2)), (own_host(own), [own])
    prefix = actor_prefix(KINDS["chat"], group)

    def residence(partition: int, phase: Phase) -> Rows:
        key = actor_prefix(0, partition) + bytes([RESIDENCES]) + prefix
        return {key: msgspec.msgpack.encode(Residence(ref, own, phase))}

    head = prefix + b"\x00"
    with store_of(used, *pooled) as store:
        copied: Rows = {head: store.get(home, head)}
        write(store, home, residence(home, "copying"))
    with store_of(used, *alone) as store:
        write(store, own, copied)
    assert file_use(used, 10).chats == before
    with store_of(used, *pooled) as store:
        write(store, home, residence(home, "left"))
    with store_of(used, *alone) as store:
        write(store, own, residence(own, "here"))
    assert file_use(used, 10).chats == before, "although something is left over where it was"
    with store_of(used, *pooled) as store:
        write(store, home, {head: None})
    moved = file_use(used, 10).chats
    assert moved == before
    assert [chat.name for chat in moved] == [chat.name for chat in before]


def test_what_is_missing_is_told(used: Path) -> None:
    shutil.rmtree(used / "host-1")
    assert file_use(used, 10).partitions_missing == 4


# --- chunks -----------------------------------------------------------------------------------


def line(name: str, stored: int = 5, touched_ms: int = NOW_MS, held: bool = True) -> ChunkLine:
    return ChunkLine(name.encode(), 10, stored, touched_ms, held)


def test_a_chunk_with_copies_counts_once() -> None:
    lists = [[line("a"), line("b"), line("c")], [line("a"), line("c")], [line("b")]]
    use = chunk_use(lists, 2, NOW_MS)
    assert use == ChunkUse(3, 30, 15, 30, copies=6, copies_bytes=30)
    assert chunk_use([[line("a")], [], []], 2, NOW_MS).copies_missing == 1


def test_chunks_of_no_file_wait_for_their_time() -> None:
    """One of them is held where its other copy is; one was needed by the other copy yesterday."""
    old = NOW_MS - GRACE_MS
    here = [line(n, touched_ms=old, held=False) for n in "abc"]
    there = [line("a", touched_ms=old), line("b", touched_ms=old + 1, held=False)]
    use = chunk_use([here, there], 2, NOW_MS)
    assert (use.unheld_chunks, use.unheld_bytes, use.due_bytes) == (2, 10, 5)
    assert use.held_raw_bytes == 10


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def answering(used: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With two media actors, of which one is silent."""
    figures: dict[str, Any] = {"media": "media-0", "node": "n0", "media_chunks": 2}
    figures |= {"media_stored_bytes": 5_000_000, "media_free_bytes": 7}
    figures |= {"media_disk_free_bytes": 3_000_000_000}

    @contextlib.contextmanager
    def looking(data: Path) -> Iterator[live.MediaView]:
        assert data == used
        chunks = [ChunkLine(b"a", 160, 90, 0, True), ChunkLine(b"b", 50, 50, 0, False)]
        yield live.MediaView(2, [figures], [iter(chunks)], ["media-1"])

    monkeypatch.setattr(live, "media_view", looking)
    return used


def test_storage_as_json(answering: Path) -> None:
    result = admin("storage", "--data", answering, "--top", "1", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["saved"] == {
        "used_again_bytes": 300,
        "same_parts_bytes": 17,
        "compression_bytes": 70,
    }
    assert told["kinds"]["file"]["files"] == 3
    assert [user["name"] for user in told["users"]] == ["alice (alice)"]
    assert (told["copies_wanted"], told["chunks"]["copies_missing"]) == (2, 2)
    assert told["chunks"]["due_bytes"] == 50
    assert told["media_actors"][0]["free_on_disk_bytes"] == 3_000_000_000
    assert told["silent"] == ["media-1"]


def test_storage_as_a_table(answering: Path) -> None:
    result = admin("storage", "--data", answering)
    assert result.exit_code == 0
    for told in (
        "alice (alice)",
        "[b]Friends[/b]",
        "saved, used again   300 bytes",
        "2; 2 of each wanted, 2 missing",
        "1 chunk, 50 bytes",
        "3.0 GB",
        "media-1 does not answer",
    ):
        assert told in result.stdout, result.stdout


def test_storage_needs_a_server(used: Path) -> None:
    result = admin("storage", "--data", used)
    assert result.exit_code != 0
    assert "no server is running" in result.stderr
