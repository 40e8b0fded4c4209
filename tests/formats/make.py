"""Data folders and backups as a version leaves them, for later versions to read: `make.py NAME`.

A server is used by people and by a load, backed up, and then loses its power while one of its hosts
stands still: what others have for that host waits in their outboxes. The folder, the backup and
what people had seen of it go into `NAME.zst` beside this file; `tests.formats.folders` unpacks
it. What a later version stores in another way is read from here, so these are never made anew.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec
import psutil
import zstandard
from PIL import Image

from actors import addresses
from api import methods as m
from api.errors import ApiError
from heliograph import Client
from runtime.placement import Placement
from runtime.refs import ActorRef
from storage.folder import DataFolder
from tests.formats.folders import ARCHIVES, PASSWORD, Archive, Packed, Told, seen_by
from tests.integration.running import RunningServer, flows, kill_all_in, turns

OPTIONS: dict[str, tuple[str, ...]] = {
    "alone": ("--hosts", "2"),
    "copies": ("--hosts", "3", "--copies", "2"),
}
"""The kinds of folders: a server without copies, and one with."""
WAITING = 200
"""So many messages are written while one of the hosts stands still."""


def picture(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(out, "PNG")
    return out.getvalue()


async def use(url: str, folder: Path) -> Told:
    """Do everything that leaves a row of its own kind."""
    red, notes = folder / "red.png", folder / "notes.bin"
    red.write_bytes(picture("red"))
    notes.write_bytes(bytes(range(256)) * 2_000)
    people = [Client(url) for _ in range(4)]
    alice, bobby, carol, david = people
    for client, name in zip(people, ("alice", "bobby", "carol", "david"), strict=True):
        await client.__aenter__()
        await client.register(name, PASSWORD, name.title())
    chat = await alice.open_private("bobby")
    for number in range(30):
        sender = (alice, bobby)[number % 2]
        await sender.send(chat.id, f"{number}: Grüße, здравствуйте, 你好 👋", reply_to=number // 2)
    await bobby.mark_read(chat.id, 12)
    group = await alice.create_group("Club", ["bobby", "carol"])
    await alice.add_member(group.id, "david")
    await alice.set_admin(group.id, bobby.user_id)
    await bobby.rename(group.id, "The Club")
    await alice.set_chat_photo(group.id, (await alice.upload(red, kind="photo")).ticket)
    await alice.set_profile_photo((await alice.upload(red, kind="photo")).ticket)
    await alice.send_file(chat.id, notes, text="the notes")
    await alice.send_album(group.id, [red, red], text="two of a kind")
    for client in people:
        await client.send(group.id, f"hello from {client.user_id}")
    await alice.remove_member(group.id, "david")
    await carol.leave(group.id)
    await alice.update_profile(bio="In Wonderland")
    await carol.set_username("caroline")
    await alice.add_contact("bobby", "Bob the Builder")
    await david.open_private("alice")
    await alice.block("david")
    saved = await alice.open_private("alice")
    await alice.send(saved.id, "for myself")
    second = await alice.call(m.Login("alice", PASSWORD, "telephone"))
    await alice.begin_upload(3_000_000, 7)  # and never finished
    try:
        await david.call(m.Login("alice", "wrong", "thief"))
    except ApiError as error:
        assert error.code == "wrong_credentials"  # noqa: PT017 - nothing else may be wrong
    told = Told(
        token=second.token,
        notes=notes.read_bytes(),
        notes_at=(chat.id, 31),
        users={client.user_id: await seen_by(client) for client in (alice, bobby)},
    )
    for client in people:
        await client.close()
    return told


async def write_while_a_host_stands_still(server: RunningServer) -> tuple[str, list[str]]:
    """Returns a group, and the texts that were acknowledged in it. Some of its members are told of
    them by the host that stands still."""
    hosts = hosts_by_name(server)
    placement = Placement(DataFolder.look(server.data).description.partitions, len(hosts))

    def host_of(ref: ActorRef) -> str:
        return placement.host(placement.partition(ref))

    async with Client(server.url, live=False) as alice:
        await alice.login("alice", PASSWORD)
        members = [f"member{number}" for number in range(6)]
        for name in members:
            async with Client(server.url, live=False) as member:
                await member.register(name, PASSWORD)
        here = host_of(addresses.user(alice.user_id))
        while (
            host_of(addresses.chat((group := await alice.create_group("Late", members)).id)) != here
        ):
            pass
        while len((await alice.chat(group.id)).members) <= len(members):
            pass  # they are told, and join, after the answer
        others = [host for host in placement.pooled_hosts() if host != here]
        os.kill(hosts[others[0]], signal.SIGSTOP)
        texts = [f"late {number}" for number in range(WAITING)]
        for text in texts:
            await alice.send(group.id, text)
        return group.id, texts


def hosts_by_name(server: RunningServer) -> dict[str, int]:
    """The processes of the hosts: each has files of its folder open."""
    found = {}
    for pid in server.pids("ray::Host") or server.pids("ray::ReplicatedHost"):
        for file in psutil.Process(pid).open_files():
            if (path := Path(file.path)).is_relative_to(server.data):
                found[path.relative_to(server.data).parts[0]] = pid
    return {name: pid for name, pid in found.items() if name.startswith("host-")}


def make(kind: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        stack.callback(kill_all_in, folder)
        server = RunningServer(folder / "data", *OPTIONS[kind]).start()
        told = asyncio.run(use(server.url, folder))
        load = stack.enter_context(server.load("--pairs", "4", "--rate", "40", "--seconds", "600"))
        stack.callback(load.kill)
        flows(lambda: turns(server))
        backup = str(folder / "backup")
        done = server.run("admin", "backup", "--data", str(server.data), "--to", backup)
        assert done.returncode == 0, done.stderr
        told.late_in, told.late = asyncio.run(write_while_a_host_stands_still(server))
        server.kill()
        pack(folder, told, ARCHIVES / f"{name}.zst")


def pack(folder: Path, told: Told, target: Path) -> None:
    """All but who ran, and what they printed."""
    kept = [path for part in ("data", "backup") for path in (folder / part).glob("**/*")]
    files = {
        str(path.relative_to(folder)): packed(path)
        for path in sorted(kept)
        if path.is_file() and "logs" not in path.parts
    }
    raw = msgspec.msgpack.encode(Archive(told, files))
    target.write_bytes(zstandard.ZstdCompressor(19).compress(raw))


def packed(path: Path) -> Packed:
    raw = path.read_bytes()
    return Packed(len(raw), raw.rstrip(b"\0"))


if __name__ == "__main__":
    make(*sys.argv[1:3])
