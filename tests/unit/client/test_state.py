"""The file with a client's state."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

import heliograph
from heliograph._state import STATE_BYTES_MAX, VERSION

SAVED = heliograph.Saved(
    server="https://chat.example.org", token="12.34.secret", user_id=12, session_id=34, pts=56
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "state.json"


def test_what_is_saved_is_loaded(path: Path) -> None:
    state = heliograph.FileState(path)
    assert state.load() is None
    state.save(heliograph.Saved(server="https://chat.example.org"))
    state.save(SAVED)
    assert heliograph.FileState(str(path)).load() == SAVED
    assert os.listdir(path.parent) == [path.name], "nothing is left beside it"


def test_only_the_owner_reads_it(path: Path) -> None:
    umask = os.umask(0)
    try:
        path.parent.mkdir()
        path.write_text("{}")
        path.chmod(0o644)
        heliograph.FileState(path).save(SAVED)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        msgspec.json.encode(SAVED)[:-5],
        b'{"server": 7, "version": 1}',
        b'{"server": "https://x", "version": 1, "token": "\xff"}',
        b"[1]",
        b'{"server": "https://x", "version": 1, "token": "%b"}' % (b"x" * STATE_BYTES_MAX),
    ],
    ids=["empty", "text", "torn", "wrong type", "not utf-8", "list", "too long"],
)
def test_a_damaged_file_says_what_to_do(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(heliograph.StateError, match=r"damaged .*delete it and log in again"):
        heliograph.FileState(path).load()


def test_a_newer_file_is_not_touched(path: Path) -> None:
    """Not even understood: only its version is."""
    path.parent.mkdir()
    path.write_bytes(b'{"version": %d, "logins": [{"server": 1}]}' % (VERSION + 1))
    with pytest.raises(heliograph.StateError, match="newer client"):
        heliograph.FileState(path).load()


def test_an_unreadable_file_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(heliograph.StateError, match=f"cannot read {path}"):
        heliograph.FileState(path).load()


def test_a_folder_that_cannot_be_made_is_told(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(heliograph.StateError, match=f"cannot write {path}"):
        heliograph.FileState(path).save(SAVED)


def test_a_failed_save_keeps_the_old_state_and_no_token_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = heliograph.FileState(path)
    state.save(SAVED)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(heliograph.StateError, match="No space left"):
        state.save(heliograph.Saved(server=SAVED.server))
    assert state.load() == SAVED
    assert os.listdir(path.parent) == [path.name]


def test_memory_keeps_it_for_the_process() -> None:
    state = heliograph.MemoryState()
    assert state.load() is None
    state.save(SAVED)
    assert state.load() == SAVED
    assert heliograph.MemoryState(SAVED).load() == SAVED
