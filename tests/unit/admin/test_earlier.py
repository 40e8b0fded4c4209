"""Data folders and backups that an earlier version left: this one reads, restores and checks
them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heliograph.admin.stored import accounts, verify_folder
from tests.formats.folders import NAMES, Told, unpack
from tests.unit.admin.test_commands import admin

Found = tuple[Path, Told]


@pytest.fixture(params=NAMES)
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Found:
    return tmp_path, unpack(request.param, tmp_path)


def test_a_folder_is_sound_and_has_everything(found: Found) -> None:
    folder, told = found
    report = verify_folder(folder / "data")
    assert report.clean, report.findings
    assert report.counts["messages"] > len(told.late) + sum(
        map(len, told.users[min(told.users)].messages.values())
    )
    names = {account.username for account in accounts(folder / "data")}
    assert {"alice", "bobby", "caroline", "david", "member5"} <= names


def test_a_backup_is_sound_and_restores(found: Found) -> None:
    folder, _ = found
    checked = admin("check", "--from", folder / "backup", "--json")
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    restored = admin("restore", "--from", folder / "backup", "--data", folder / "new", "--json")
    assert restored.exit_code == 0, restored.stdout + restored.stderr
    assert json.loads(restored.stdout)["rows"] > 0
    report = verify_folder(folder / "new")
    assert report.clean, report.findings


def test_a_new_backup_goes_on_from_the_old_ones(found: Found) -> None:
    folder, _ = found
    made = admin("backup", "--data", folder / "data", "--to", folder / "backup", "--json")
    assert made.exit_code == 0, made.stdout + made.stderr
    assert len(admin("backups", "--from", folder / "backup", "--json").stdout.splitlines()) == 2
