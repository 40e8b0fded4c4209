"""Files on a real server: up and down byte for byte, also while what keeps them is killed, and when
a byte on the disk has changed."""

from __future__ import annotations

import asyncio
import filecmp
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

import heliograph
from api import limits
from heliograph import _way
from tests.integration.running import RunningServer, verify, wait_for
from tests.profile import SOAK

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = ("--hosts", "2", "--copies", "2", "--user-quota", "4")
"""Two hosts and media actors, and two copies of everything."""

MEDIA = "ray::MediaActor"
FRONT = "ray::ServeReplica:heliograph:Front"
PLACES = (
    "/usr/share/games/planetblupi",
    "/usr/share/planetblupi",
    "/usr/share/linphone",
    "/usr/share/sounds/freedesktop",
    "/usr/share/sounds/linphone",
    "/usr/share/pixmaps",
)
REAL_FILES_MIN = 200
PICTURES = (b"RIFF", b"\xff\xd8\xff\xe0")
PATIENT = heliograph.Timeouts(call_s=120.0)


def real_files() -> list[Path]:
    """What Debian packages have brought: pictures, sounds and videos."""
    found = [path for place in PLACES for path in sorted(Path(place).rglob("*")) if path.is_file()]
    if len(found) < REAL_FILES_MIN:
        pytest.skip("planetblupi-common, linphone-common, sound-theme-freedesktop are missing")
    return random.Random(1).sample(found, min(len(found), 300))


def test_real_files_go_up_and_come_down(server: RunningServer, tmp_path: Path) -> None:
    asyncio.run(exchange(server, real_files()[: None if SOAK else 80], tmp_path))
    verify(server)


async def exchange(server: RunningServer, paths: list[Path], folder: Path) -> None:
    """Each is sent as a file, and as what it is."""
    async with (
        heliograph.Client(server.url, timeouts=PATIENT) as giver,
        heliograph.Client(server.url, timeouts=PATIENT) as taker,
    ):
        await giver.register("giver", "password of the giver")
        await taker.register("taker", "password of the taker")
        chat = await giver.open_private(taker.user_id)
        slots = asyncio.Semaphore(8)

        async def one(path: Path) -> None:
            async with slots:
                sent = await giver.send_file(chat.id, path, kind="file")
                [message] = await taker.messages(chat.id, [sent.id])
                got = await taker.download(message, folder / f"{sent.id}")
                assert await asyncio.to_thread(filecmp.cmp, got, path, False), path
                await asyncio.to_thread(got.unlink)

        await asyncio.gather(*(one(path) for path in paths))
        shown = [p for p in paths if p.suffix in (".png", ".mkv", ".wav", ".oga")][:60]
        for path in shown:
            sent = await giver.send_file(chat.id, path)
            [message] = await taker.messages(chat.id, [sent.id])
            assert message.media is not None
            if path.suffix == ".png":
                assert (message.media.kind, message.media.width > 0) == ("photo", True), path
                small = await taker.download(message, folder / "small", thumb=True)
                assert (await asyncio.to_thread(small.read_bytes))[:4] in PICTURES


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_a_video_plays_while_it_downloads(server: RunningServer) -> None:
    """A player that is given a link shows what it shows of the file itself, also from its middle
    on, which it asks for by ranges."""
    videos = [path for path in real_files() if path.match("movie/*.mkv")]
    video = max(videos, key=lambda path: path.stat().st_size)

    async def link() -> str:
        """Its path."""
        async with heliograph.Client(server.url) as client:
            await client.register("director", "password of the director")
            notes = await client.open_private(client.user_id)
            sent = await client.send_file(notes.id, video)
            return (await client.file_link(notes.id, sent.id)).path

    path = asyncio.run(link())
    for begin, url in (
        ([], server.url),
        (["-ss", "1"], server.url),
        (["-ss", "1"], server.files_url),
    ):
        assert frames(begin, url + path) == frames(begin, str(video))


def frames(begin: list[str], source: str) -> str:
    """The hashes of the frames that a player shows."""
    command = ["ffmpeg", "-v", "error", *begin, "-i", source, "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert not done.stderr
    assert done.stdout.count("\n") > 20
    return done.stdout


CONTENT = random.Random(2).randbytes(40 * limits.PART_BYTES + 77)


def killed(server: RunningServer, title: str) -> Callable[[], None]:
    def kill() -> None:
        pid = server.pids(title)[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in server.pids(title) and len(server.pids(title)) > 0)

    return kill


@pytest.mark.parametrize(
    ("title", "port"),
    [(MEDIA, "files"), (MEDIA, "http"), (FRONT, "http"), ("ray::ReplicatedHost", "http")],
)
def test_a_process_is_killed_meanwhile(
    server: RunningServer,
    title: str,
    port: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if port == "http":
        monkeypatch.setattr(_way, "files_server", lambda *_: "")
    name = f"{port}_of_{title.rpartition(':')[2].lower()}"[:32]
    asyncio.run(up_and_down(server, name, killed(server, title), tmp_path))
    verify(server)


async def up_and_down(
    server: RunningServer, name: str, kill: Callable[[], None], folder: Path
) -> None:
    """The fault happens in the middle of the upload, and again in the middle of the download."""
    faults: list[asyncio.Task[None]] = []

    def at_half() -> heliograph.Progress:
        begun = len(faults)

        def progress(done: int, total: int) -> None:
            if done > total // 2 and len(faults) == begun:
                faults.append(asyncio.create_task(asyncio.to_thread(kill)))

        return progress

    async with heliograph.Client(server.url, timeouts=PATIENT) as client:
        await client.register(name, "password of somebody")
        notes = await client.open_private(client.user_id)
        done = await client.upload(CONTENT, progress=at_half())
        sent = await client.send(notes.id, "", ticket=done.ticket)
        [message] = await client.messages(notes.id, [sent.id])
        got = await client.download(message, folder / "got", progress=at_half())
        assert await asyncio.to_thread(got.read_bytes) == CONTENT
        assert len(faults) == 2
        await asyncio.gather(*faults)


def test_a_server_that_is_stopped_goes_on_with_an_upload(
    server: RunningServer, tmp_path: Path
) -> None:
    async def interrupted() -> None:
        async with heliograph.Client(server.url, state=heliograph.FileState(state)) as client:
            await client.register("patient", "password of the patient")

            def progress(done: int, total: int) -> None:
                if done > total // 2:
                    raise KeyboardInterrupt

            await client.upload(CONTENT, upload_id=5, progress=progress)

    async def finished() -> None:
        async with heliograph.Client(server.url, state=heliograph.FileState(state)) as client:
            stored = sum(p.last + 1 - p.first for p in (await client.get_upload(5)).stored)
            assert 20 <= stored < 41
            done = await client.upload(CONTENT, upload_id=5)
            notes = await client.open_private(client.user_id)
            await client.send(notes.id, "", ticket=done.ticket)

    state = tmp_path / "state.json"
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interrupted())
    server.stop()
    server.start()
    asyncio.run(finished())
    verify(server)


def test_what_files_take_is_told(server: RunningServer) -> None:
    before = storage(server)
    name, content = "thrifty", b"of two messages, and shrinks " * 10_000
    asyncio.run(sent_twice_and_left(server, name, content))

    def settled() -> bool:
        told = storage(server)
        sent = used(told) >= used(before) + 2 * len(content)
        return sent and told["chunks"]["copies_missing"] == 0

    wait_for(settled)
    after = storage(server)
    assert {user["name"]: user["bytes"] for user in after["users"]}[f"{name} ({name})"] == len(
        content
    )
    assert used(after) - used(before) == 2 * len(content)

    def grown(group: str, name: str) -> int:
        return int(after[group][name] - before[group][name])

    assert grown("saved", "used_again_bytes") == len(content)
    assert grown("saved", "compression_bytes") > len(content) // 2
    left = grown("chunks", "unheld_chunks")
    assert left in (1, 2)
    assert grown("chunks", "chunks") == 1 + left
    assert grown("chunks", "copies") == 2 * (1 + left)
    assert after["silent"] == []
    assert [actor["actor"] for actor in after["media_actors"]] == ["media-0", "media-1"]


def test_pictures_of_users_and_groups(server: RunningServer, tmp_path: Path) -> None:
    source = next((path for path in real_files() if path.suffix == ".png"), None)
    assert source is not None
    asyncio.run(pictures(server, source, tmp_path))
    verify(server)


async def pictures(server: RunningServer, source: Path, folder: Path) -> None:
    async with (
        heliograph.Client(server.url) as alice,
        heliograph.Client(server.url) as bob,
    ):
        await alice.register("pictured", "password of the pictured")
        await bob.register("onlooker", "password of the onlooker")
        ticket = (await alice.upload(source, kind="photo")).ticket
        await alice.set_profile_photo(ticket)
        group = (await alice.create_group("Club")).id
        await alice.add_member(group, bob.user_id)
        await alice.set_chat_photo(group, ticket)
        user, chat = await bob.user("pictured"), await bob.chat(group)
        assert user.photo is not None
        assert user.photo == chat.photo
        for of in (user, chat):
            whole = await bob.download_photo(of, folder / "whole")
            small = await bob.download_photo(of, folder / "small", thumb=True)
            assert (await asyncio.to_thread(whole.stat)).st_size == user.photo.size
            assert (await asyncio.to_thread(small.read_bytes))[:4] in PICTURES
        await alice.set_profile_photo("")
        with pytest.raises(heliograph.ApiError, match="media_not_found"):
            await bob.download_photo(user, folder / "whole")


def test_the_quota_is_the_operators(server: RunningServer) -> None:
    async def story() -> None:
        async with heliograph.Client(server.url) as client:
            await client.register("greedy", "password of the greedy")
            for upload_id in (1, 2):
                await client.begin_upload(limits.FILE_BYTES_MAX, upload_id)
            with pytest.raises(heliograph.ApiError) as caught:
                await client.begin_upload(limits.FILE_BYTES_MAX, 3)
            assert caught.value.code == "quota_exceeded"
            for upload_id in (1, 2):
                await client.cancel_upload(upload_id)

    told = httpx2.post(f"{server.url}/api/help.limits", json={}, trust_env=False).json()
    assert told["limits"]["media_bytes_per_user_max"] == 4 * 1024**3
    asyncio.run(story())


def storage(server: RunningServer) -> dict[str, Any]:
    done = server.run("admin", "storage", "--data", str(server.data), "--top", "100", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def used(told: dict[str, Any]) -> int:
    return sum(kind["used_bytes"] for kind in told["kinds"].values())


async def sent_twice_and_left(server: RunningServer, name: str, content: bytes) -> None:
    """A file that is sent twice, and one or two parts of one that is given up."""
    async with heliograph.Client(server.url) as client:
        await client.register(name, "password of somebody")
        notes = await client.open_private(client.user_id)
        done = await client.upload(content)
        for _ in range(2):
            await client.send(notes.id, "", ticket=done.ticket)

        def progress(sent: int, total: int) -> None:
            if sent:
                raise KeyError

        noise = random.Random(9).randbytes(limits.PART_BYTES + 1)
        with pytest.raises(KeyError):
            await client.upload(noise, progress=progress)


def test_a_byte_that_changed_on_the_disk_is_found_and_mended(
    server: RunningServer, tmp_path: Path
) -> None:
    """In one copy, while the server is stopped; the other is read, and the bad one written anew."""
    mark = random.Random(3).randbytes(4096)
    message = asyncio.run(sent_once(server, mark * 50))
    server.stop()
    assert flipped(server.data, mark) == 1
    server.start()
    for _ in range(4):
        asyncio.run(read_again(server, message, mark * 50, tmp_path))
    wait_for(lambda: figure(server, "heliograph_media_damaged_total") >= 1)
    asyncio.run(read_again(server, message, mark * 50, tmp_path))


async def sent_once(server: RunningServer, content: bytes) -> heliograph.Message:
    async with heliograph.Client(server.url) as client:
        await client.register("careful", "password of the careful")
        notes = await client.open_private(client.user_id)
        sent = await client.send_file(notes.id, content)
        return (await client.messages(notes.id, [sent.id]))[0]


async def read_again(
    server: RunningServer, message: heliograph.Message, content: bytes, folder: Path
) -> None:
    async with heliograph.Client(server.url, timeouts=PATIENT) as client:
        await client.login("careful", "password of the careful")
        got = await client.download(message, folder / "again")
        assert await asyncio.to_thread(got.read_bytes) == content


def flipped(data: Path, mark: bytes) -> int:
    """Change one byte of one copy; in how many files it was done."""
    for path in sorted(data.glob("media-*/**/data.mdb")):
        content = path.read_bytes()
        at = content.find(mark)
        if at >= 0:
            with open(path, "r+b") as file:
                file.seek(at + 100)
                file.write(bytes([content[at + 100] ^ 1]))
            return 1
    return 0


def figure(server: RunningServer, name: str) -> float:
    text = server.metrics()
    rows = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.split()[-1]) for line in rows)
