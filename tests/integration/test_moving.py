"""A chat is given a Ray actor of its own while messages flow."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from actors import addresses
from heliograph.admin.stored import host_folders
from runtime.placement import own_partition
from storage.keys import split_key
from storage.snapshot import Snapshot
from tests.integration.running import (
    HANGS_S,
    HELIOGRAPH,
    LOAD_S_MAX,
    RunningServer,
    check,
    enough,
    verify,
    wait_for,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = ("--hosts", "2", "--edges", "1")
"""Nobody else's: all chats of it are moved."""


def chats(data: Path) -> dict[str, str]:
    """All chats that have messages, and the host folder that each is in."""
    found = {}
    for folder in host_folders(data):
        with Snapshot(folder) as snapshot:
            for partition in snapshot.partitions:
                for key, _ in snapshot.rows(partition):
                    kind, name, table, _ = split_key(key)
                    if kind == addresses.CHAT and table == 2:
                        found[str(name)] = folder.name
    return found


def folder_of(chat_id: str) -> str:
    return f"dedicated-{own_partition(addresses.chat(chat_id)):x}"


def pid_of(server: RunningServer, host: str) -> int:
    return int((server.data / host / "LOCK").read_text())


def dedicate(server: RunningServer, chat_id: str) -> subprocess.Popen[str]:
    command = [str(HELIOGRAPH), "admin", "dedicate", chat_id, "--data", str(server.data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(command: subprocess.Popen[str]) -> str:
    said, _ = command.communicate(timeout=HANGS_S)
    assert command.returncode == 0, said
    return said


def new_chats(server: RunningServer, known: set[str], count: int) -> list[str]:
    """Those of a load that has just begun."""
    wait_for(lambda: len(chats(server.data).keys() - known) >= count)
    return sorted(chats(server.data).keys() - known)


def kill_both(server: RunningServer, home: str, chat_id: str) -> None:
    for host in (home, folder_of(chat_id)):
        os.kill(pid_of(server, host), signal.SIGKILL)


def test_chats_move_while_messages_flow(server: RunningServer) -> None:
    """One after the other; while the second one moves, and again when it has, both its hosts are
    killed."""
    loading = server.load("--pairs", "2", "--rate", "100", "--seconds", str(LOAD_S_MAX))
    first, second = new_chats(server, set(), 2)
    home = chats(server.data)[second]
    assert folder_of(first) in finished(dedicate(server, first))
    moving = dedicate(server, second)
    wait_for((server.data / folder_of(second) / "LOCK").exists)
    kill_both(server, home, second)
    assert folder_of(second) in finished(moving)
    kill_both(server, home, second)
    check(enough(loading))
    verify(server)
    assert chats(server.data) == {chat_id: folder_of(chat_id) for chat_id in (first, second)}


@pytest.mark.soak
def test_a_group_moves_while_messages_flow(server: RunningServer) -> None:
    known = set(chats(server.data))
    loading = server.load("--fanout", "6", "--window", "1", "--seconds", str(LOAD_S_MAX))
    (chat_id,) = new_chats(server, known, 1)
    finished(dedicate(server, chat_id))
    figures = enough(loading)
    check(figures)
    assert not figures.get("errors"), figures
    verify(server)
    assert chats(server.data)[chat_id] == folder_of(chat_id)


@pytest.mark.soak
def test_it_is_there_after_a_restart_and_in_a_backup(server: RunningServer, tmp_path: Path) -> None:
    moved = {name: host for name, host in chats(server.data).items() if host[0] == "d"}
    assert moved
    server.stop()
    server.start()
    made = server.run("admin", "backup", "--data", str(server.data), "--to", str(tmp_path / "b"))
    assert made.returncode == 0, made.stdout + made.stderr
    checked = server.run("admin", "check", "--from", str(tmp_path / "b"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    back = tmp_path / "back"
    done = server.run("admin", "restore", "--from", str(tmp_path / "b"), "--data", str(back))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: host for name, host in chats(back).items() if host[0] == "d"} == moved
    verify(server)


def test_what_is_not_there_is_not_moved(server: RunningServer) -> None:
    done = server.run("admin", "dedicate", "g5", "--data", str(server.data))
    assert done.returncode != 0
    assert "no such chat" in (done.stdout + done.stderr).lower()
