"""A server is backed up while it is under load, lost, and brought back."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import heliograph
from tests.integration.running import RunningServer, check, result_of, turns, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LOAD = ("--pairs", "20", "--window", "4")
MARKED = 20


def test_what_was_acknowledged_before_a_backup_survives_the_loss_of_the_server(
    folder: Path,
) -> None:
    """Two backups under load, the second writes what is new; then the folder is deleted."""
    server = RunningServer(folder, "--hosts", "2").start()
    repo = folder.parent / "backups"
    try:
        before = turns(server)
        load = server.load(*LOAD, "--seconds", "30")
        wait_for(lambda: turns(server) > before + 5_000)
        chats = asyncio.run(mark(server, "first"))
        first = back_up(server, repo)
        chats |= asyncio.run(mark(server, "second"))
        busy = turns(server)
        second = back_up(server, repo)
        assert turns(server) > busy, "it went on meanwhile"
        asyncio.run(mark(server, "too late"))
        check(result_of(load))
        assert second["rows"] > first["rows"]
        assert second["moment_ms"] > first["moment_ms"]
        assert second["reused_bytes"] > 0
    finally:
        server.stop()
    done = server.run("admin", "check", "--from", str(repo), "--json")
    assert done.returncode == 0, done.stdout + done.stderr

    shutil.rmtree(folder)
    done = server.run("admin", "restore", "--from", str(repo), "--data", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    verified(server)

    server.start()
    try:
        asyncio.run(read(server, chats))
        check(result_of(server.load(*LOAD, "--seconds", "5")))
    finally:
        server.stop()
    verified(server)


def back_up(server: RunningServer, repo: Path) -> dict[str, Any]:
    done = server.run("admin", "backup", "--data", str(server.data), "--to", str(repo), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def verified(server: RunningServer) -> None:
    done = server.run("admin", "verify", "--data", str(server.data), "--json")
    assert done.returncode == 0, done.stdout + done.stderr


PASSWORD = "password of the marked"


async def mark(server: RunningServer, name: str) -> dict[str, str]:
    """Send marked messages to others, who live on both hosts, and to oneself; returns the chats
    with what was sent there first."""
    user = name.replace(" ", "_")
    async with heliograph.Client(server.url) as client:
        await client.register(user, PASSWORD)
        chats = {(await client.open_private(client.user_id)).id: name}
        for number in range(3):
            group = await client.create_group(f"{name} {number}")
            chats[group.id] = name
        for chat_id in chats:
            for number in range(MARKED):
                await client.send(chat_id, f"{name} {number}")
    return chats


async def read(server: RunningServer, chats: dict[str, str]) -> None:
    """All that was sent before a backup is there, once and in order, and one can go on."""
    for name in ("first", "second"):
        async with heliograph.Client(server.url) as client:
            await client.login(name, PASSWORD)
            mine = [chat_id for chat_id, of in chats.items() if of == name]
            assert len(mine) == 4
            for chat_id in mine:
                texts = [m.text async for m in client.history(chat_id) if m.text]
                assert texts[::-1] == [f"{name} {number}" for number in range(MARKED)]
            sent = await client.send(mine[0], "goes on")
            assert sent.id == MARKED + 1
    async with heliograph.Client(server.url) as client:
        with pytest.raises(heliograph.ApiError):
            await client.login("too_late", PASSWORD)
