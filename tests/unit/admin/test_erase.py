"""Rows written anew where no server runs, and asked for where one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph.admin.erase import erase, stores_in
from heliograph.failing import Told
from storage.engine import LmdbStore
from storage.folder import DataFolder, HostFolder
from storage.keys import actor_prefix
from storage.replica import LmdbReplica, encode_record
from storage.rewrite import REQUEST
from tests.unit.admin.folders import checkpoint
from tests.unit.admin.test_commands import admin

SECRET = b"the text that is to be gone"
KEY = actor_prefix(3, 1) + b"\x02"


def holding(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET in path.read_bytes()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Of two hosts, one of which has deleted something."""
    data = tmp_path / "data"
    DataFolder.open(data, partitions=8, hosts=2).close()
    for host in (0, 1):
        store = LmdbStore(data / f"host-{host}", range(host, 8, 2), map_bytes=1 << 26)
        for row in (SECRET, None):
            store.append({host: {KEY: row}})
            store.install({host: {KEY: row}})
        checkpoint(store)
        store.close()
    return data


def test_it_is_done_where_no_server_runs(data: Path) -> None:
    assert holding(data)
    result = admin("erase", "--data", data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "2 stores" in result.stdout
    assert holding(data) == []


def test_hosts_that_run_are_asked_and_waited_for(data: Path) -> None:
    lock = HostFolder.lock(data / "host-1", 0.0)
    with pytest.raises(Told, match="1 of 1 stores are not done yet"):
        erase(data, 0.0)
    lock.close()
    assert {path.parent.parent.name for path in holding(data)} == {"host-1"}
    assert (data / "host-1" / REQUEST).exists(), "it does it when it comes to it"


def test_a_copy_that_does_not_know_what_is_committed_needs_its_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    DataFolder.open(data, partitions=8, hosts=3, copies=3).close()
    folder = data / "host-0" / "shard-3"
    copy = LmdbReplica(folder, [3])
    copy.remember(b"a configuration")
    copy.append_records([encode_record(1, {3: {KEY: SECRET}})])
    copy.settle(1)
    copy.append_records([encode_record(1, {3: {KEY: None}})])
    checkpoint(copy)
    copy.close()
    assert list(stores_in(data)) == [(data / "host-0", folder)]
    result = admin("erase", "--data", data)
    assert result.exit_code != 0
    assert "start it, and do this again" in result.stderr
    assert "Traceback" not in result.stderr
    again = LmdbReplica(folder, [3])
    assert (again.installed, again.last) == (1, 2)
    again.settle(2)
    checkpoint(again)
    again.close()
    assert admin("erase", "--data", data).exit_code == 0
    assert holding(data) == []


def test_a_folder_without_hosts_is_told(tmp_path: Path) -> None:
    DataFolder.open(tmp_path / "data", partitions=8).close()
    result = admin("erase", "--data", tmp_path / "data")
    assert result.exit_code != 0
    assert "there is no host in" in result.stderr
