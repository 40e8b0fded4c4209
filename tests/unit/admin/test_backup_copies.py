"""Backups of servers with copies: from which of them, up to where, and how they come back."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heliograph.admin import sources
from heliograph.admin.mend_copies import write_to_copies
from heliograph.admin.reader import Reader, Unsettled
from heliograph.admin.sources import RunningCopies, known_here
from heliograph.admin.stored import verify_folder
from heliograph.admin.stores import Stores
from runtime.placement import Replicated, first_members
from runtime.replication.protocol import Configuration, decode_configuration, encode
from storage.backup.follower import Follower
from storage.backup.repository import Repository
from storage.engine import LmdbStore
from storage.folder import DataFolder, HostFolder
from storage.log import Log
from storage.port import Writes
from storage.replica import LmdbReplica, encode_record, remembered
from storage.snapshot import Snapshot
from tests.unit.admin.folders import media_actors
from tests.unit.admin.test_commands import admin

HOSTS = ("host-0", "host-1", "host-2")
CONFIG = Configuration(0, 5, "host-1", HOSTS, HOSTS)


def writes(number: int, epoch: int) -> Writes:
    return {0: {b"row%d" % number: b"%d" % epoch}}


def add_copy(
    host: Path, config: Configuration, *epochs: int, shown: int = 0, loading: bool = False
) -> None:
    """A copy of shard 0 whose records are of these epochs; LMDB holds the first `shown`."""
    copy = LmdbReplica(host / "shard-0", [0])
    copy.remember(encode(config))
    if loading:
        copy.begin_load()
    copy.append_records([encode_record(e, writes(n, e)) for n, e in enumerate(epochs, 1)])
    copy.settle(shown)
    moving = copy.begin_checkpoint()
    moving.open()
    while moving.step(10):
        pass
    moving.commit()
    moving.finish()
    copy.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    DataFolder.open(tmp_path / "data", partitions=1, hosts=3, copies=3).close()
    media_actors(tmp_path / "data", 3)
    return tmp_path / "data"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def backed_up(data: Path, repo: Path) -> dict[bytes, bytes | None]:
    """The rows in a backup that is made now."""
    result = admin("backup", "--data", data, "--to", repo)
    assert (result.exit_code, result.stderr) == (0, "")
    repository = Repository.open(repo)
    ((_, part),) = repository.latest().partitions()
    return dict(repository.rows(part.chunks))


def rows_of(copy: Path) -> dict[bytes, bytes | None]:
    with Snapshot(copy) as snapshot:
        return dict(snapshot.rows(0))


def rows(*epochs: int) -> dict[bytes, bytes]:
    return {b"row%d" % n: b"%d" % epoch for n, epoch in enumerate(epochs, 1)}


# --- what is in a backup ------------------------------------------------------------------------


def test_what_a_copy_in_sync_lacks_is_not_in_a_backup(data: Path, repo: Path) -> None:
    add_copy(data / "host-0", CONFIG, 1, 1, 5, shown=1)
    add_copy(data / "host-1", CONFIG, 1, 1, 5, 5)
    add_copy(data / "host-2", CONFIG, 1, 1)
    assert backed_up(data, repo) == rows(1, 1)


def test_what_another_copy_in_sync_has_otherwise_is_not_in_a_backup(data: Path, repo: Path) -> None:
    add_copy(data / "host-0", CONFIG, 1, 1, 4, 4)
    add_copy(data / "host-1", CONFIG, 1, 1, 5, 5)
    add_copy(data / "host-2", CONFIG, 1, 1, 5, 5)
    assert backed_up(data, repo) == rows(1, 1)


def test_what_one_copy_shows_is_in_a_backup(data: Path, repo: Path) -> None:
    """It was committed, whatever the disks of the others have lost since."""
    (data / "host-0").mkdir()
    add_copy(data / "host-1", CONFIG, 1)
    add_copy(data / "host-2", CONFIG, 1, 1, 5, shown=3)
    assert backed_up(data, repo) == rows(1, 1, 5)


def test_copies_that_are_not_in_sync_do_not_matter(data: Path, repo: Path) -> None:
    newest = Configuration(0, 6, "host-2", HOSTS, ("host-2",))
    add_copy(data / "host-0", CONFIG, 1, 1, 5, 5, 5)
    add_copy(data / "host-1", CONFIG, 1)
    add_copy(data / "host-2", newest, 1, 1, 6)
    assert backed_up(data, repo) == rows(1, 1, 6)


def test_a_copy_with_half_a_snapshot_is_no_source(data: Path, repo: Path) -> None:
    add_copy(data / "host-0", CONFIG, 1, 1)
    add_copy(data / "host-1", CONFIG, loading=True)
    add_copy(data / "host-2", CONFIG, 1, 1)
    assert backed_up(data, repo) == rows(1, 1)


def test_without_a_copy_in_sync_there_is_no_backup(data: Path, repo: Path) -> None:
    add_copy(data / "host-0", Configuration(0, 6, "host-2", HOSTS, ("host-2",)), 1, 1)
    for host in ("host-1", "host-2"):
        (data / host).mkdir()
    result = admin("backup", "--data", data, "--to", repo)
    assert result.exit_code == 2
    assert "no copy in sync of shard 0" in result.stderr
    assert Repository.open(repo).moments() == []


def test_a_node_of_a_cluster_that_stands_still_is_refused(data: Path, repo: Path) -> None:
    """Its copies may lack what the others acknowledged since, and nobody here can tell."""
    add_copy(data / "host-0", CONFIG, 1, 1)
    result = admin("backup", "--data", data, "--to", repo)
    assert result.exit_code == 2
    assert "one node of a cluster" in result.stderr


# --- beside a running server --------------------------------------------------------------------


class Stepping:
    """A store whose checkpoints come to a further record each time that one looks."""

    def __init__(self, *stored: int, taken_back: bool = False) -> None:
        self._stored = list(stored)
        self._taken_back = taken_back

    def stored(self) -> int:
        return self._stored.pop(0) if len(self._stored) > 1 else self._stored[0]

    def last_with_rows(self, upto: int) -> int:
        return upto - 1

    def is_still(self, record: int) -> bool:
        assert self._stored[0] >= record, "not before it is committed"
        return not self._taken_back


def confirm(
    data: Path, monkeypatch: pytest.MonkeyPatch, store: Any, *later: Configuration
) -> dict[str, int]:
    """The cut that is confirmed, while a host runs and `later` is what is looked up then."""
    monkeypatch.setattr(sources, "LOOK_S", 0.0)
    add_copy(data / "host-0", CONFIG, 1, 1)
    looks = iter((CONFIG, *later))
    host = HostFolder.lock(data / "host-0", 0.0)
    source = RunningCopies(DataFolder.look(data), lambda: {0: next(looks)})
    try:
        here = Reader(data)
        with Stores(here) as stores:
            source.open(stores)
            assert stores.partitions == {"shard-0": [0]}
            assert source.ends() is None
            here.stores["shard-0"] = store
            return source.confirm(stores, {"shard-0": 8})
    finally:
        host.close()


def test_a_backup_waits_until_checkpoints_hold_what_it_has(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = confirm(data, monkeypatch, Stepping(3, 5, 6, 7), CONFIG)
    assert cut == {"shard-0": 7}, "a record without rows is not waited for"


def test_what_is_never_committed_or_taken_back_is_looked_at_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unsettled, match="taken back"):
        confirm(data, monkeypatch, Stepping(9, taken_back=True), CONFIG)
    monkeypatch.setattr(sources, "COMMITTED_S_MAX", 0.0)
    with pytest.raises(Unsettled, match="not committed"):
        confirm(data, monkeypatch, Stepping(6), CONFIG)


def test_a_copy_counts_only_if_the_epoch_was_the_same_before_and_after(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Configuration(0, 6, "host-1", HOSTS, HOSTS)
    with pytest.raises(Unsettled, match="since"):
        confirm(data, monkeypatch, Stepping(9), later)


def test_a_follower_notices_that_records_were_taken_back(tmp_path: Path) -> None:
    add_copy(tmp_path, CONFIG, 1, 1, 1)
    with Follower(tmp_path / "shard-0") as follower:
        log = Log(tmp_path / "shard-0" / "log", follower._salt)
        list(log.replay(0))
        assert [follower.is_still(n) for n in range(4)] == [True] * 4
        log.truncate(1)
        assert [follower.is_still(n) for n in range(4)] == [True, True, False, False]
        log.append(encode_record(2, writes(2, 2)), encode_record(2, {}), encode_record(2, {}))
        assert [follower.is_still(n) for n in range(4)] == [True, True, False, False]
        log.close()
    with Follower(tmp_path / "shard-0") as follower:
        assert [follower.epoch_at(n) for n in (1, 2, 4)] == [1, 2, 2]
        assert [follower.last_with_rows(n) for n in range(5)] == [0, 1, 2, 2, 2]


# --- coming back --------------------------------------------------------------------------------


def test_all_copies_are_restored_alike_in_an_epoch_above_the_first(
    data: Path, repo: Path, tmp_path: Path
) -> None:
    for host in HOSTS:
        add_copy(data / host, CONFIG, 1, 1)
    backed_up(data, repo)
    new = tmp_path / "new"
    assert admin("restore", "--from", repo, "--data", new).exit_code == 0
    for host in HOSTS:
        copy = new / host / "shard-0"
        assert rows_of(copy) == rows(1, 1)
        config = decode_configuration(remembered(copy))
        assert config == Configuration(0, 2, "host-0", HOSTS, HOSTS)


def test_a_server_with_one_copy_is_restored_with_more(tmp_path: Path, repo: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    DataFolder.open(old, partitions=4, hosts=1).close()
    media_actors(old, 1)

    LmdbStore(old / "host-0", range(4)).close()
    assert admin("backup", "--data", old, "--to", repo).exit_code == 0
    done = admin("restore", "--from", repo, "--data", new, "--copies", 3, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["rows"] == 0
    assert DataFolder.look(new).description.copies == 3
    assert {(c.leader, c.members) for c in known_here(new).values()} == {
        ("host-0", HOSTS),
        ("host-1", (*HOSTS[1:], HOSTS[0])),
        ("host-2", (HOSTS[2], *HOSTS[:2])),
    }
    report = verify_folder(new)
    assert report.clean, report.findings
    assert report.counts["partitions"] == 4


def test_all_is_dealt_out_anew_into_other_shards(tmp_path: Path, repo: Path) -> None:
    """From a backup of a server whose shards were one partition each, whose folders had other
    names."""
    old, new = tmp_path / "old", tmp_path / "new"
    DataFolder.open(old, partitions=4, hosts=3, copies=3, shards=4).close()
    media_actors(old, 3)
    held = {p: {b"\x01row%d" % p: b"%d" % p} for p in range(4)}
    for partition, of_it in held.items():
        members = first_members(partition, 3, 3)
        of = Configuration(partition, 5, members[0], members, members)
        for host in members:
            folder = old / host / f"partition-{partition}"
            with closing(LmdbReplica(folder, [partition])) as copy:
                copy.remember(encode(of))
                copy.append_records([encode_record(5, {partition: of_it})])
    assert admin("backup", "--data", old, "--to", repo).exit_code == 0
    for shards in (1, 3):
        new = tmp_path / f"new-{shards}"
        done = admin("restore", "--from", repo, "--data", new, "--shards", shards)
        assert done.exit_code == 0, done.stderr
        assert DataFolder.look(new).description.shard_count == shards
        placement = Replicated(4, shards)
        for shard in range(shards):
            for host in HOSTS:
                with Snapshot(new / host / f"shard-{shard}") as copy:
                    mine = placement.partitions_of(shard)
                    assert sorted(copy.partitions) == mine
                    assert {p: dict(copy.rows(p)) for p in mine} == {p: held[p] for p in mine}
    done = admin("restore", "--from", repo, "--data", tmp_path / "fewer", "--copies", 2)
    assert done.exit_code == 0, done.stderr
    assert DataFolder.look(tmp_path / "fewer").description.shard_count == 4, "as the server had"


@pytest.mark.parametrize(("shards", "why"), [(5, "there can be 1 to 4"), (2, "with copies")])
def test_shards_that_cannot_be_are_refused(
    tmp_path: Path, repo: Path, shards: int, why: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    DataFolder.open(old, partitions=4, hosts=1).close()
    media_actors(old, 1)
    LmdbStore(old / "host-0", range(4)).close()
    assert admin("backup", "--data", old, "--to", repo).exit_code == 0
    options = ("--copies", 3) if shards == 5 else ()
    done = admin("restore", "--from", repo, "--data", new, "--shards", shards, *options)
    assert done.exit_code == 2
    assert why in done.stderr
    assert not new.exists()


def test_rows_are_written_to_all_copies_in_sync_after_what_they_share(data: Path) -> None:
    add_copy(data / "host-0", CONFIG, 1, 1, 4)
    add_copy(data / "host-1", CONFIG, 1, 1, 5, 5)
    add_copy(data / "host-2", CONFIG, 1)
    write_to_copies(data, CONFIG, [0], HOSTS[:2], 2, [writes(7, 6), writes(8, 6)])
    config = Configuration(0, 6, "host-1", HOSTS, HOSTS[:2])
    for host in HOSTS[:2]:
        assert rows_of(data / host / "shard-0") == {**rows(1, 1), b"row7": b"6", b"row8": b"6"}
        assert decode_configuration(remembered(data / host / "shard-0")) == config
    assert rows_of(data / "host-2" / "shard-0") == rows(1)
    assert known_here(data) == {0: config}
