"""A chat is given a host of its own on a cluster with copies, while messages flow: its host dies,
everything dies, everything is stopped, and comes back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors import addresses
from runtime.placement import own_host, own_partition, place_of
from tests.integration.running import (
    LOAD_S_MAX,
    RunningServer,
    check,
    enough,
    flows,
    turns,
    verify,
    wait_for,
)
from tests.integration.test_moving import chats, dedicate, finished, new_chats, pid_of

pytestmark = [pytest.mark.real, pytest.mark.soak, pytest.mark.timeout(600)]

OPTIONS = ("--nodes", "3")

BACK_S_MAX = 240


def own_of(chat_id: str) -> str:
    return own_host(own_partition(addresses.chat(chat_id)))


def leads(server: RunningServer, chat_id: str) -> str:
    """Who leads the partition of a chat that has moved; empty if nobody does."""
    done = server.run("admin", "cluster", "--data", str(server.data), "--json")
    shown: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    own = own_partition(addresses.chat(chat_id))
    return next((str(row["leader"]) for row in shown["shards"] if row["shard"] == own), "")


def is_home(server: RunningServer, chat_id: str) -> Callable[[], bool]:
    """Whether a chat is led by its own host."""
    return lambda: leads(server, chat_id) == own_of(chat_id)


def moved(server: RunningServer) -> dict[str, str]:
    """The chats that have hosts of their own, with the folder that each was found in."""

    def own(chat_id: str) -> tuple[str, str]:
        return own_of(chat_id), place_of(own_partition(addresses.chat(chat_id)))

    return {name: folder for name, folder in chats(server.data).items() if folder in own(name)}


def kill(server: RunningServer, host: str) -> None:
    os.kill(pid_of(server, host), signal.SIGKILL)


def test_its_host_is_killed_while_messages_flow(server: RunningServer) -> None:
    loading = server.load("--pairs", "3", "--rate", "200", "--seconds", str(LOAD_S_MAX))
    first, second, _ = new_chats(server, set(), 3)
    flows(lambda: turns(server))
    assert own_of(first) in finished(dedicate(server, first))
    flows(lambda: turns(server))
    moving = dedicate(server, second)
    lock = server.data / own_of(second) / "LOCK"
    wait_for(lambda: lock.exists() and lock.read_text() != "")
    kill(server, own_of(second))
    kill(server, own_of(first))
    finished(moving)
    flows(lambda: turns(server))
    for chat_id in (first, second):
        assert own_of(chat_id) in finished(dedicate(server, chat_id)), "it can be repeated"
        wait_for(is_home(server, chat_id), BACK_S_MAX)
    flows(lambda: turns(server))
    check(enough(loading))
    verify(server)
    assert moved(server).keys() == {first, second}


def test_everything_is_killed_and_everything_is_stopped(server: RunningServer) -> None:
    before = moved(server)
    assert before
    server.kill()
    server.start()
    loading = server.load("--pairs", "3", "--window", "2", "--seconds", str(LOAD_S_MAX))
    flows(lambda: turns(server))
    check(enough(loading))
    server.stop()
    verify(server)
    server.start()
    for chat_id in before:
        wait_for(is_home(server, chat_id), BACK_S_MAX)
    verify(server)
    assert moved(server).keys() == before.keys()


def test_it_is_in_a_backup(server: RunningServer, tmp_path: Path) -> None:
    made = server.run("admin", "backup", "--data", str(server.data), "--to", str(tmp_path / "b"))
    assert made.returncode == 0, made.stdout + made.stderr
    back = tmp_path / "back"
    done = server.run("admin", "restore", "--from", str(tmp_path / "b"), "--data", str(back))
    assert done.returncode == 0, done.stdout + done.stderr
    checked = server.run("admin", "verify", "--data", str(back))
    assert checked.returncode == 0, checked.stdout
    assert all((back / own_of(chat_id)).is_dir() for chat_id in moved(server))


def test_what_is_not_there_gets_no_host(server: RunningServer) -> None:
    before = sorted(server.data.glob("dedicated-*"))
    done = server.run("admin", "dedicate", "g5", "--data", str(server.data))
    assert done.returncode != 0
    assert "no such chat" in (done.stdout + done.stderr).lower()
    assert sorted(server.data.glob("dedicated-*")) == before
