"""What is read in a stored folder, whole or damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from actors.verify.report import Report
from heliograph.admin import stored
from heliograph.admin.stored import accounts, placement_of, verify_folder
from runtime.placement import Placement
from storage.engine import LmdbStore
from storage.folder import DataFolder
from storage.layout import database_name
from storage.port import DataFolderError, StorageFailed


def told(report: Report) -> str:
    return "\n".join(map(str, report.findings))


def test_placement_is_that_of_the_folder(tmp_path: Path) -> None:
    DataFolder.open(tmp_path, partitions=16, hosts=3, dedicated=("chat",)).close()
    placement = placement_of(DataFolder.look(tmp_path))
    assert (placement.partitions, placement.hosts) == (16, 3)
    assert placement.dedicated == {"chat"}


def test_all_hosts_are_looked_at(data: Path) -> None:
    report = verify_folder(data)
    assert report.clean, told(report)
    counts = report.counts
    assert (counts["partitions"], counts["users"], counts["sessions"]) == (8, 3, 4)
    assert (counts["chats"], counts["messages"]) == (1, 2)


def test_dedicated_hosts_are_looked_at(tmp_path: Path) -> None:
    DataFolder.open(tmp_path, partitions=8, dedicated=("chat",)).close()
    placement = Placement(8, 1, ("chat",))
    partition = 1 << 40
    name = placement.host(partition)
    for folder, partitions in (("host-0", range(8)), (name, [partition])):
        LmdbStore(tmp_path / folder, partitions, map_bytes=1 << 26).close()
    report = verify_folder(tmp_path)
    assert report.clean, told(report)
    assert report.counts["partitions"] == 9


def flip(path: Path) -> None:
    """Change the row of one message where it lies, also in pages that are not used any more."""
    raw = path.read_bytes()
    assert b"in the rows" in raw
    path.write_bytes(raw.replace(b"in the rows", b"jn the rows"))


def lost(folder: Path) -> None:
    shutil.rmtree(folder)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "fails its check": lambda data: (
        [
            flip(data / host / "rows" / "data.mdb")
            for host in ("host-0", "host-1")
            if b"in the rows" in (data / host / "rows" / "data.mdb").read_bytes()
        ]
        and None
    ),
    "its folder is missing": lambda data: lost(data / "host-1"),
    "holds no store": lambda data: lost(data / "host-1" / "rows"),
    "the log is gone": lambda data: lost(data / "host-1" / "log"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found(data: Path, what: str) -> None:
    DAMAGES[what](data)
    report = verify_folder(data)
    assert not report.clean
    assert what in told(report)


def test_rows_of_another_partition_are_found(data: Path) -> None:
    with lmdb.open(str(data / "host-0" / "rows"), max_dbs=16) as env:
        env.open_db(database_name(1))
    assert "host-0: partition 1 belongs to host-1" in told(verify_folder(data))


def test_what_is_only_seen_once_is_dropped(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a running server, hosts are looked at one after the other."""
    looks: list[Report] = []
    look = stored.verify

    def uneasy(*args: object) -> Report:
        report = look(*args)  # type: ignore[arg-type]
        report.add("user/1", f"is odd at look {len(looks)}")
        looks.append(report)
        return report

    monkeypatch.setattr(stored, "verify", uneasy)
    assert verify_folder(data).clean
    assert len(looks) == 2, "and then it is not looked at again"


def test_what_lasts_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = stored.verify

    def uneasy(*args: object) -> Report:
        report = look(*args)  # type: ignore[arg-type]
        report.add("user/1", "is odd")
        looks.append(report)
        return report

    monkeypatch.setattr(stored, "verify", uneasy)
    assert told(verify_folder(data)) == "user/1: is odd"
    assert len(looks) == stored.LOOKS_MAX


def test_accounts_of_all_hosts_are_found_with_their_sessions(data: Path) -> None:
    found = sorted((account.username, account.sessions) for account in accounts(data))
    assert found == [("Bobby", 2), ("alice", 1), ("carol", 1)]
    assert all(account.created_ms == 1_700_000_000_000 for account in accounts(data))


def test_readers_say_what_is_wrong(tmp_path: Path, data: Path) -> None:
    with pytest.raises(DataFolderError, match="is no data folder"):
        verify_folder(tmp_path)
    with pytest.raises(DataFolderError, match="is no data folder"):
        list(accounts(tmp_path))
    lost(data / "host-0" / "rows")
    with pytest.raises(StorageFailed, match="holds no store"):
        list(accounts(data))
