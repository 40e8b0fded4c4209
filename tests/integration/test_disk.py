"""A disk that is full, a row that is damaged, a folder that another server or version owns."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import lmdb
import pytest

import heliograph
from actors import addresses
from api.limits import TEXT_CHARS_MAX
from heliograph.admin.stored import placement_of
from runtime.placement import Placement
from storage.folder import DataFolder
from storage.keys import actor_prefix
from storage.layout import database_name
from tests.integration.raw_socket import ANSWER_S_MAX, PASSWORD, Login, register
from tests.integration.running import (
    RunningServer,
    check,
    enough,
    flows,
    result_of,
    turns,
    verify,
    wait_for,
)
from tests.integration.under_load import load_options

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

OPTIONS = None

BUSY = ("overloaded", "unavailable")
"""What is answered so may be sent again at once."""
DISK_BYTES = 1024 * 1024 * 1024


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def server(alone: None, disk: Path) -> Iterator[RunningServer]:
    running = RunningServer(disk / "data", "--hosts", "2").start()
    yield running
    if running.process is not None:
        running.stop()


def read_only_hosts(server: RunningServer) -> int:
    text = server.metrics()
    values = [line for line in text.splitlines() if line.startswith("heliograph_read_only{")]
    return sum(line.endswith(" 1.0") for line in values)


def test_a_full_disk_stops_writing_and_nothing_else(server: RunningServer, disk: Path) -> None:
    """Writes are refused with a typed error while it lasts, reads go on, and clients' resends get
    through when there is room again."""
    asyncio.run(full_disk(server, disk))
    verify(server)


async def full_disk(server: RunningServer, disk: Path) -> None:
    writer = await asyncio.to_thread(of_one_host, server)
    async with heliograph.Client(server.url) as client:
        await client.login(writer.username, PASSWORD)
        notes = await client.open_private(client.user_id)
        load = server.load(*load_options(pairs=20, per_s=80))
        await asyncio.to_thread(flows, lambda: turns(server))
        with filled(disk):
            sent = await asyncio.to_thread(write_until_refused, writer, notes.id)
            assert [m.text async for m in client.history(notes.id)] == sent[::-1]
            await asyncio.to_thread(wait_for, lambda: read_only_hosts(server) > 0)
        await asyncio.to_thread(wait_for, lambda: read_only_hosts(server) == 0)
        await client.send(notes.id, "after")
        assert [m.text async for m in client.history(notes.id)] == ["after", *sent[::-1]]
        figures = await asyncio.to_thread(enough, load)
    check(figures)


def of_one_host(server: RunningServer) -> Login:
    """A new user whose notes live on their own host. Were it another, which still has room, texts
    would be taken there, and each waited for until the user's host could number it."""
    placement = placement_of(DataFolder.look(server.data))
    while True:
        made = register(server)
        notes = addresses.private_chat_id(made.user_id, made.user_id)
        if placement.home(addresses.user(made.user_id)) == placement.home(addresses.chat(notes)):
            return made


def write_until_refused(writer: Login, chat_id: str) -> list[str]:
    """Long texts, until the host has used up the room that its log had taken before; returns those
    that were taken."""
    sent: list[str] = []
    with httpx2.Client(base_url=writer.url, timeout=ANSWER_S_MAX, trust_env=False) as http:
        while True:
            text = f"{len(sent)} ".ljust(TEXT_CHARS_MAX, "\N{SUN WITH FACE}")
            answer = http.post(
                "/api/messages.send",
                json={"chat_id": chat_id, "text": text, "random_id": len(sent) + 1},
                headers={"Authorization": f"Bearer {writer.token}"},
            )
            if answer.status_code == 200:
                sent.append(text)
            elif (code := answer.json()["code"]) not in BUSY:
                assert code == "storage_full", answer.text
                return sent


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """The disk has no room."""
    filler = fill(disk)
    try:
        yield
    finally:
        filler.unlink()


def fill(disk: Path) -> Path:
    """Take all the room that is left, while others take of it too; returns the file to delete."""
    filler = disk / "filler"
    with open(filler, "wb") as file:
        room = os.statvfs(disk)
        taken, piece = 0, room.f_bavail * room.f_frsize
        while piece >= room.f_frsize:
            try:
                os.posix_fallocate(file.fileno(), taken, piece)
                taken += piece
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece //= 2
    return filler


def test_a_damaged_row_is_told_and_harms_nothing_else(server: RunningServer) -> None:
    chats = asyncio.run(talk(server))
    server.stop()
    placement = placement_of(DataFolder.look(server.data))
    flip_a_bit(server.data, placement, chats[0])
    server.start()
    asyncio.run(read_damaged(server, *chats))
    verified = server.run("admin", "verify", "--data", str(server.data), "--json")
    assert verified.returncode == 1, verified.stdout + verified.stderr
    findings = json.loads(verified.stdout)["findings"]
    assert {finding["where"] for finding in findings} == {f"chat/{chats[0]}"}
    assert any("fails its check" in finding["what"] for finding in findings)
    load = server.load("--pairs", "5", "--rate", "100", "--seconds", "3")
    check(result_of(load))


async def talk(server: RunningServer) -> tuple[str, str]:
    """Two chats with ten messages each."""
    async with heliograph.Client(server.url) as client:
        await client.register("writer", "password of the writer")
        saved = await client.open_private(client.user_id)
        other = await client.create_group("Another one")
        for number in range(10):
            await client.send(saved.id, f"saved {number}")
            await client.send(other.id, f"other {number}")
    return saved.id, other.id


def flip_a_bit(data: Path, placement: Placement, chat_id: str) -> None:
    """In the text of the fifth message of a chat, on the disk."""
    ref = addresses.chat(chat_id)
    partition = placement.partition(ref)
    key = actor_prefix(3, chat_id) + b"\x02" + (5).to_bytes(8, "big")
    rows = data / placement.host(partition) / "rows"
    with lmdb.open(str(rows), max_dbs=128, map_size=1 << 40) as env:
        database = env.open_db(database_name(partition), create=False)
        with env.begin(write=True) as txn:
            sealed = bytearray(txn.get(key, db=database))
            assert b"saved 4" in sealed
            sealed[sealed.index(b"saved 4")] ^= 1
            txn.put(key, bytes(sealed), db=database)


async def read_damaged(server: RunningServer, damaged: str, other: str) -> None:
    async with heliograph.Client(server.url) as client:
        await client.login("writer", "password of the writer")
        assert len([m async for m in client.history(other)]) == 11
        with pytest.raises(heliograph.ApiError) as refused:
            await client.history_page(damaged)
        assert refused.value.code == "storage_corrupt"
        assert "saved" not in refused.value.detail
        page = await client.history_page(damaged, after_id=5)
        assert [m.text for m in page.messages] == [f"saved {n}" for n in range(5, 10)]
        sent = await client.send(damaged, "goes on")
        assert sent.id == 11


def test_a_second_server_on_the_same_folder_is_refused(server: RunningServer) -> None:
    second = RunningServer(server.data)
    arguments = ["--port", str(second.port), "--ws-port", str(second.ws_port)]
    refused = server.run("up", "--data", str(server.data), *arguments)
    assert refused.returncode == 2
    assert "is in use by process" in refused.stderr
    assert server.answers()


def test_a_newer_folder_is_refused(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "heliograph.json").write_text('{"version": 99}')
    other = RunningServer(tmp_path)
    arguments = ["--port", str(other.port), "--ws-port", str(other.ws_port)]
    refused = server.run("up", "--data", str(tmp_path), *arguments)
    assert refused.returncode == 2
    assert "newer Heliograph" in refused.stderr
