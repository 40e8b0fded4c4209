"""A server is backed up while it is under load, lost, and brought back."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lmdb
import msgspec
import pytest

import heliograph
from actors import addresses
from actors.chat.state import MESSAGES
from heliograph.admin.stored import placement_of
from storage.folder import DataFolder
from storage.keys import actor_prefix
from storage.layout import database_name
from tests.integration.running import (
    LOAD_S_MAX,
    RunningServer,
    check,
    enough,
    result_of,
    turns,
    verify,
    wait_for,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = None

LOAD = ("--pairs", "10", "--rate", "100")
MARKED = 20


def test_what_was_acknowledged_before_a_backup_survives_the_loss_of_the_server(
    folder: Path,
) -> None:
    """Two backups under load, the second writes what is new; then the folder is deleted."""
    server = RunningServer(folder, "--hosts", "2").start()
    repo = folder.parent / "backups"
    try:
        before = turns(server)
        load = server.load(*LOAD, "--seconds", str(LOAD_S_MAX))
        wait_for(lambda: turns(server) > before + 1_000)
        chats = asyncio.run(mark(server, "first"))
        first = back_up(server, repo)
        chats |= asyncio.run(mark(server, "second"))
        busy = turns(server)
        second = back_up(server, repo)
        assert turns(server) > busy, "it went on meanwhile"
        asyncio.run(mark(server, "too late"))
        check(enough(load))
        assert second["rows"] > first["rows"]
        assert second["moment_ms"] > first["moment_ms"]
    finally:
        server.stop()
    assert back_up(server, folder.parent / "others")["new_bytes"] > 0
    assert back_up(server, folder.parent / "others")["new_bytes"] == 0, "it is there already"
    done = server.run("admin", "check", "--from", str(repo), "--json")
    assert done.returncode == 0, done.stdout + done.stderr

    shutil.rmtree(folder)
    done = server.run("admin", "restore", "--from", str(repo), "--data", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    verify(server)

    server.start()
    try:
        asyncio.run(read(server, chats))
        check(result_of(server.load(*LOAD, "--seconds", "3")))
    finally:
        server.stop()
    verify(server)


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_a_server_with_copies_comes_back_as_it_was_backed_up(folder: Path) -> None:
    """The same with three copies of everything; one chat is lost on all of them, then."""
    server = RunningServer(folder, "--copies", "3").start()
    repo = folder.parent / "backups"
    load = server.load(*LOAD, "--seconds", str(LOAD_S_MAX))
    try:
        wait_for(lambda: load.poll() is None and figure(server, "commits_total") > 500)
        chats = asyncio.run(mark(server, "first"))
        first = back_up(server, repo)
        chats |= asyncio.run(mark(server, "second"))
        busy = figure(server, "commits_total")
        second = back_up(server, repo)
        assert load.poll() is None, "it was backed up under load"
        assert figure(server, "commits_total") > busy, "it went on meanwhile"
        asyncio.run(mark(server, "too late"))
        assert second["rows"] > first["rows"]
        kept = asyncio.run(histories(server, chats))
    finally:
        server.kill()
        load.kill()
        load.communicate()
    done = server.run("admin", "check", "--from", str(repo), "--json")
    assert done.returncode == 0, done.stdout + done.stderr

    shutil.rmtree(folder)
    done = server.run("admin", "restore", "--from", str(repo), "--data", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    verify(server)
    server.start()
    try:
        assert asyncio.run(histories(server, chats)) == kept
        asyncio.run(read(server, chats))
    finally:
        server.stop()
    verify(server)
    assert back_up(server, repo)["new_bytes"] > 0
    assert back_up(server, repo)["new_bytes"] == 0, "what is there already is not written again"

    chat = next(chat for chat, name in chats.items() if name == "first")
    lose(folder, chat)
    at = str(first["moment_ms"])
    done = server.run(
        "admin", "restore", "--chat", chat, "--from", str(repo), "--data", str(folder), "--at", at
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verify(server)
    server.start()
    try:
        after = asyncio.run(histories(server, chats))
        assert {c: told[: len(kept[c])] for c, told in after.items()} == kept
        check(result_of(server.load(*LOAD, "--seconds", "3")))
    finally:
        server.stop()
    verify(server)


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_a_cluster_of_more_nodes_than_copies_is_backed_up_from_one(folder: Path) -> None:
    """No node has everything: what this one lacks is read on the others, under load. Then all is
    lost."""
    server = RunningServer(folder, "--nodes", "3", "--copies", "2").start()
    repo = folder.parent / "backups"
    load = server.load(*LOAD, "--seconds", str(LOAD_S_MAX))
    try:
        wait_for(lambda: load.poll() is None and figure(server, "commits_total") > 500)
        nodes = [f"node-{number}" for number in range(3)]
        node = as_a_node(server, "host-1", *nodes)
        chats = asyncio.run(mark(server, "first"))
        first = back_up(server, repo, node)
        chats |= asyncio.run(mark(server, "second"))
        busy = figure(server, "commits_total")
        second = back_up(server, repo, node)
        assert load.poll() is None, "it was backed up under load"
        assert figure(server, "commits_total") > busy, "it went on meanwhile"
        asyncio.run(mark(server, "too late"))
        assert second["rows"] > first["rows"]
        wait_for(lambda: not server.pids("ray::Reader"))
        kept = asyncio.run(histories(server, chats))
    finally:
        server.kill()
        load.kill()
        load.communicate()

    shutil.rmtree(folder)
    server = RunningServer(folder, "--copies", "2")
    done = server.run("admin", "restore", "--from", str(repo), "--data", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    verify(server)
    server.start()
    try:
        assert asyncio.run(histories(server, chats)) == kept
        asyncio.run(read(server, chats))
    finally:
        server.stop()
    verify(server)


def as_a_node(server: RunningServer, *names: str) -> Path:
    """A folder with these parts of the server's alone, as a node of a cluster has it."""
    node = server.data.parent / "node"
    node.mkdir()
    for name in ("heliograph.json", "run.json", "ray-token", *names):
        (node / name).symlink_to(server.data / name)
    return node


def figure(server: RunningServer, name: str) -> float:
    """A figure of all hosts together."""
    done = server.run("admin", "stats", "--data", str(server.data), "--json")
    assert done.returncode == 0, done.stderr
    return sum(values.get(name, 0.0) for values in json.loads(done.stdout).values())


async def histories(server: RunningServer, chats: dict[str, str]) -> dict[str, list[bytes]]:
    """All that clients are told of each chat's messages, oldest first."""
    found = {}
    for name in ("first", "second"):
        async with heliograph.Client(server.url) as client:
            await client.login(name, PASSWORD)
            for chat in (chat for chat, of in chats.items() if of == name):
                told = [msgspec.json.encode(m) async for m in client.history(chat)]
                found[chat] = told[::-1]
    return found


def lose(data: Path, chat: str) -> None:
    """Flip a bit in each of a chat's first messages, in every copy."""
    placement = placement_of(DataFolder.look(data))
    partition = placement.partition(addresses.chat(chat))
    base = actor_prefix(addresses.CHAT, chat) + bytes([MESSAGES.number])
    for copy in data.glob(f"host-*/{placement.host(partition)}"):
        with lmdb.open(str(copy / "rows"), max_dbs=80, map_size=1 << 34) as env:
            database = env.open_db(database_name(partition), create=False)
            with env.begin(write=True) as txn:
                for number in range(2, 12):
                    key = base + MESSAGES.key.encode(number)
                    row = bytearray(txn.get(key, db=database))
                    row[-1] ^= 1
                    txn.put(key, bytes(row), db=database)


def back_up(server: RunningServer, repo: Path, data: Path | None = None) -> dict[str, Any]:
    data = data or server.data
    done = server.run("admin", "backup", "--data", str(data), "--to", str(repo), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


PASSWORD = "password of the marked"


async def mark(server: RunningServer, name: str) -> dict[str, str]:
    """Send marked messages to others, who live on both hosts, and to oneself, and a file to the
    last of the chats; returns the chats with what was sent there first."""
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
        await client.send_file(group.id, content_of(name), name="marked.bin")
    return chats


def content_of(name: str) -> bytes:
    """Of a file of three parts."""
    return f"{name}.".encode() * (1_200_000 // len(name))


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
            [message] = [m async for m in client.history(mine[-1]) if m.media]
            with TemporaryDirectory() as folder:
                got = await client.download(message, folder)
                assert await asyncio.to_thread(got.read_bytes) == content_of(name)
            sent = await client.send(mine[0], "goes on")
            assert sent.id == MARKED + 1
    async with heliograph.Client(server.url) as client:
        with pytest.raises(heliograph.ApiError):
            await client.login("too_late", PASSWORD)
