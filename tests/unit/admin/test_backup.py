"""Backups of a whole folder: made, listed, checked and restored, by the commands."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import addresses
from actors.updates import ProfileEntry
from actors.user.check import UserCheck
from actors.user.messages import MailSlice
from actors.user.state import HEAD, MAILBOX, RESTORE_STEP, RESTORED_FROM, UserHead
from actors.verify.report import Facts, Report
from api import methods as m
from heliograph.admin import backup as backing
from heliograph.admin.moments import shown, unix_ms
from heliograph.admin.restore import Leap
from heliograph.admin.stored import accounts, verify_folder
from runtime.placement import Placement
from runtime.refs import KINDS, Caller
from storage.backup.manifest import BackupError
from storage.backup.repository import Repository
from storage.engine import LmdbStore
from storage.folder import DataFolder
from storage.keys import actor_prefix, split_key, u64
from storage.snapshot import Snapshot
from tests.unit.actors.town import Town
from tests.unit.admin.folders import media_actors
from tests.unit.admin.test_commands import admin
from tests.unit.admin.test_stored import flip


def rows_of(data: Path) -> dict[int, list[tuple[bytes, bytes | None]]]:
    found = {}
    for host in ("host-0", "host-1"):
        with Snapshot(data / host) as snapshot:
            found |= {p: list(snapshot.rows(p)) for p in snapshot.partitions}
    return found


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def back_up(data: Path, repo: Path) -> dict[str, Any]:
    result = admin("backup", "--data", data, "--to", repo, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_a_restored_folder_has_all_rows_and_is_clean(
    data: Path, repo: Path, tmp_path: Path
) -> None:
    made = back_up(data, repo)
    rows = rows_of(data)
    assert made["rows"] == sum(map(len, rows.values()))
    result = admin("restore", "--from", repo, "--data", tmp_path / "new")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"heliograph up --data {tmp_path / 'new'}" in result.stdout
    report = verify_folder(tmp_path / "new")
    assert report.clean, report.findings
    assert report.counts["messages"] == 2
    assert DataFolder.look(tmp_path / "new").description == DataFolder.look(data).description
    user = KINDS["user"]
    for partition, restored in rows_of(tmp_path / "new").items():
        assert [row for row in restored if row[0][0] != user] == [
            row for row in rows[partition] if row[0][0] != user
        ]
        assert len(restored) == len(rows[partition])


def test_actors_with_a_host_of_their_own_are_backed_up(tmp_path: Path, repo: Path) -> None:
    """Also while one more of them is being made."""
    data, new = tmp_path / "data", tmp_path / "new"
    DataFolder.open(data, partitions=8, dedicated=("chat",)).close()
    media_actors(data, 1)
    partition = 1 << 40
    name = Placement(8, 1, ("chat",)).host(partition)
    for folder, partitions in (("host-0", range(8)), (name, [partition])):
        LmdbStore(data / folder, partitions, map_bytes=1 << 26).close()
    (data / "dedicated-10000000001").mkdir()
    back_up(data, repo)
    assert admin("restore", "--from", repo, "--data", new).exit_code == 0
    report = verify_folder(new)
    assert report.clean, report.findings
    assert report.counts["partitions"] == 9


def test_a_second_backup_writes_only_what_is_new(data: Path, repo: Path) -> None:
    first, second = back_up(data, repo), back_up(data, repo)
    assert first["new_chunks"] == first["chunks"] > 0
    assert first["reused_bytes"] == 0
    assert (second["new_chunks"], second["new_bytes"]) == (0, 0)
    assert second["reused_bytes"] == first["new_bytes"]
    assert second["moment_ms"] > first["moment_ms"]


def test_backups_are_listed(data: Path, repo: Path) -> None:
    moments = [back_up(data, repo)["moment_ms"] for _ in range(2)]
    result = admin("backups", "--from", repo)
    assert result.exit_code == 0
    assert [shown(moment) in result.stdout for moment in moments] == [True, True]
    lines = admin("backups", "--from", repo, "--json").stdout.splitlines()
    assert [json.loads(line)["moment_ms"] for line in lines] == moments


def test_whole_backups_are_found_to_be_so(data: Path, repo: Path) -> None:
    back_up(data, repo)
    result = admin("check", "--from", repo)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(r"^ +2 messages$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("what", ["chunk", "manifest"])
def test_damage_to_a_backup_is_found(data: Path, repo: Path, what: str) -> None:
    back_up(data, repo)
    found = {
        "chunk": max((repo / "chunks").glob("*/*"), key=lambda path: path.stat().st_size),
        "manifest": next((repo / "backups").iterdir()),
    }[what]
    raw = bytearray(found.read_bytes())
    raw[len(raw) // 2] ^= 1
    found.write_bytes(raw)
    result = admin("check", "--from", repo)
    assert result.exit_code == 1
    assert str(found) in result.stdout
    refused = admin("restore", "--from", repo, "--data", repo.parent / "new")
    assert refused.exit_code == 2
    assert "damaged" in refused.stderr
    assert not (repo.parent / "new" / "heliograph.json").exists()


def test_a_damaged_row_is_told_and_stays_damaged(data: Path, repo: Path, tmp_path: Path) -> None:
    """The backup is made; whoever needs the row is refused, instead of told that it never was."""
    for host in ("host-0", "host-1"):
        if b"in the rows" in (data / host / "rows" / "data.mdb").read_bytes():
            flip(data / host / "rows" / "data.mdb")
    result = admin("backup", "--data", data, "--to", repo)
    assert result.exit_code == 1
    assert "fails its check" in result.stdout
    assert admin("check", "--from", repo).exit_code == 1
    restored = admin("restore", "--from", repo, "--data", tmp_path / "new")
    assert restored.exit_code == 1
    assert "1 rows or chunks were damaged" in restored.stderr
    findings = [f.what for f in verify_folder(tmp_path / "new").findings]
    assert any("fails its check" in what for what in findings)
    assert rows_of(tmp_path / "new").keys() == rows_of(data).keys()


def test_a_moment_chooses_the_backup(data: Path, repo: Path, tmp_path: Path) -> None:
    first = back_up(data, repo)["moment_ms"]
    second = back_up(data, repo)["moment_ms"]
    for at, moment in ((shown(second), second), (str(second - 1), first), ("", second)):
        new = tmp_path / f"new {at}"
        wanted = ("--at", at) if at else ()
        result = admin("restore", "--from", repo, "--data", new, *wanted, "--json")
        assert json.loads(result.stdout)["moment_ms"] == moment
    early = admin("restore", "--from", repo, "--data", tmp_path / "no", "--at", "2001-01-01")
    assert early.exit_code == 2
    assert "oldest backup" in early.stderr
    odd = admin("restore", "--from", repo, "--data", tmp_path / "no", "--at", "noon")
    assert odd.exit_code == 2
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_done_is_told(data: Path, repo: Path, tmp_path: Path) -> None:
    def refused(*args: object) -> str:
        result = admin(*args)
        assert result.exit_code == 2
        return result.stderr

    assert "is no data folder" in refused("backup", "--data", tmp_path / "no", "--to", repo)
    assert "is in the data folder" in refused("backup", "--data", data, "--to", data / "backups")
    assert "holds no backups" in refused("backups", "--from", repo)
    assert "holds no backups" in refused("check", "--from", repo)
    back_up(data, repo)
    assert "not empty" in refused("restore", "--from", repo, "--data", data)
    shutil.rmtree(data / "host-1")
    assert "lacks host-1" in refused("backup", "--data", data, "--to", repo)


def test_stores_that_do_not_fit_are_told(data: Path, repo: Path) -> None:
    """One of them was brought back by hand, say."""
    shutil.rmtree(data / "host-1")
    LmdbStore(data / "host-1", range(1, 8, 2), map_bytes=1 << 26).close()
    with pytest.raises(BackupError, match="do not fit"):
        backing.make_backup(data, repo)
    assert Repository.open(repo).moments() == []


# --- clients that know more than the backup ---------------------------------------------------


def test_a_device_that_is_ahead_of_the_backup_starts_afresh(
    data: Path, repo: Path, tmp_path: Path
) -> None:
    """And misses nothing, although the restored mailbox goes on beyond what the device knew."""
    back_up(data, repo)
    new = tmp_path / "new"
    assert admin("restore", "--from", repo, "--data", new).exit_code == 0
    alice = Caller(next(a.id for a in accounts(new) if a.username == "alice"), 1)
    stores = [
        LmdbStore(new / f"host-{host}", range(host, 8, 2), map_bytes=1 << 26) for host in (0, 1)
    ]
    town = Town(hosts=2, seed=5, stores=list(stores))
    dave = town.register("dave")
    town.ask(addresses.user(alice.user_id), m.OpenPrivate(alice.user_id), dave)
    chat = addresses.private_chat_id(alice.user_id, dave.user_id)
    for number in range(30):
        town.send(dave, chat, f"{number}")
    pts = town.call(alice, m.GetState()).pts
    assert pts > RESTORED_FROM
    for known in (0, 2, 20, 10_000):
        found = difference(town, alice, known)
        assert (found.kind, found.pts) == ("too_long", pts)
    found = difference(town, alice, pts - 30)
    assert (found.kind, len(found.entries)) == ("full", 30)
    assert found.entries[-1][0] == pts
    town.settle()
    for store in stores:
        store.close()
    report = verify_folder(new)
    assert report.clean, report.findings


def test_a_clock_that_would_number_updates_twice_is_told(
    data: Path, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(data, repo)
    monkeypatch.setattr("time.time", lambda: 0.0)
    result = admin("restore", "--from", repo, "--data", tmp_path / "new")
    assert result.exit_code == 2
    assert "clock" in result.stderr


def difference(town: Town, caller: Caller, pts: int) -> MailSlice:
    answer = town.ask(addresses.user(caller.user_id), m.GetDifference(pts), caller)
    return msgspec.convert(answer, MailSlice)


def mailbox(user_id: int, first: int, last: int, delivered: int) -> list[tuple[bytes, bytes]]:
    prefix = actor_prefix(KINDS["user"], user_id)
    head = UserHead("name", "", "", "", 1, pts=last, delivered_pts=delivered)
    entry = msgspec.msgpack.encode(ProfileEntry())
    rows = [(prefix + bytes([HEAD.number]), msgspec.msgpack.encode(head))]
    rows += [(prefix + bytes([MAILBOX.number]) + u64(n), entry) for n in range(first, last + 1)]
    return rows


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (1, 5),
        (7, 12),
        (9 * RESTORE_STEP + 1, 9 * RESTORE_STEP + 4),
        (RESTORE_STEP - 2, RESTORE_STEP + 3),
    ],
)
def test_numbers_go_on_without_holes_and_higher_than_ever(first: int, last: int) -> None:
    """Also those of a mailbox that was restored before, or has given more than a step."""
    base = RESTORED_FROM + 50 * RESTORE_STEP
    leap = Leap(base)
    for user_id in (3, 4):
        rows = [leap.of(key, row) for key, row in mailbox(user_id, first, last, first)]
        raw = rows[0][1]
        assert raw is not None
        head = HEAD.decode(raw)
        assert base <= head.pts < base + RESTORE_STEP
        assert head.pts - head.delivered_pts == last - first
        numbers = [int.from_bytes(split_key(key)[3], "big") for key, _ in rows[1:]]
        assert numbers == list(range(head.pts - (last - first), head.pts + 1))


@pytest.mark.parametrize(
    ("base", "first", "clean"), [(0, 16_385, False), (0, 10_001, True), (RESTORED_FROM, 1, True)]
)
def test_only_a_restored_mailbox_may_begin_late(base: int, first: int, clean: bool) -> None:
    """One that has always been here holds the last 10,000 updates."""
    last = 20_000 if base == 0 else 30
    facts, report = Facts(), Report()
    check = UserCheck(3, "user/3", facts, report)
    check.row(None, UserHead("name", "", "", "", 1, pts=base + last))
    for number in range(first, last + 1):
        check.row(base + number, ProfileEntry())
    check.end()
    assert report.clean == clean


def test_rows_that_cannot_be_understood_are_restored_as_they_were() -> None:
    leap = Leap(RESTORE_STEP)
    head, *mail = mailbox(3, 1, 2, 0)
    for key, row in ((head[0], b"\xc1"), (head[0], None), mail[0], (b"\x01odd", b"")):
        assert leap.of(key, row) == (key, row)


def test_moments_are_understood() -> None:
    assert unix_ms("1970-01-02") == 86_400_000
    assert unix_ms("1970-01-01T01:00:00.5+01:00") == 500
    assert unix_ms("1767225600123") == 1_767_225_600_123
    assert unix_ms(shown(1_767_225_600_123)) == 1_767_225_600_123
    with pytest.raises(ValueError, match="noon"):
        unix_ms("noon")
