"""What was edited or deleted is on no disk any more once it was erased, while people go on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from pathlib import Path

import heliograph
from tests.integration.running import RunningServer, verify

TEST_S_MAX = 240
PASSWORD = "correct horse battery"


def holding(folder: Path, text: str) -> list[str]:
    """The files in which it is. (Some vanish while they are looked at.)"""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found


def test_what_was_deleted_is_on_no_disk(server: RunningServer) -> None:
    """Rows, logs, what is on its way to other partitions, and pages that LMDB has freed."""
    deleted, edited, kept = (
        f"{what} {secrets.token_hex(16)}" for what in ("first", "then", "kept")
    )

    async def talk() -> tuple[str, str, int]:
        async with asyncio.timeout(TEST_S_MAX), heliograph.Client(server.url) as alice:
            await alice.register(f"alice_{secrets.token_hex(4)}", PASSWORD)
            async with heliograph.Client(server.url, live=False) as bob:
                await bob.register(f"bobby_{secrets.token_hex(4)}", PASSWORD)
                group = await alice.create_group("Group", [bob.user_id])
                private = await bob.open_private(alice.user_id)
                for chat in (group, private):
                    gone = await alice.send(chat.id, deleted)
                    changed = await alice.send(chat.id, edited)
                    stays = await alice.send(chat.id, kept)
                    await alice.delete(chat.id, [gone.id], for_all=True)
                    await alice.edit(chat.id, changed.id, "harmless")
                return private.id, (await bob.me()).username, stays.id

    private, bob_name, stays = asyncio.run(talk())
    assert holding(server.data, deleted), "until then"
    told = server.run("admin", "erase", "--data", str(server.data))
    assert "written anew; what was deleted is gone." in told.stdout, told
    assert holding(server.data, deleted) == []
    assert holding(server.data, edited) == []
    assert holding(server.data, kept)

    async def go_on() -> None:
        async with asyncio.timeout(TEST_S_MAX), heliograph.Client(server.url, live=False) as bob:
            await bob.login(bob_name, PASSWORD)
            page = await bob.history_page(private)
            assert [message.text for message in page.messages if not message.deleted] == [
                "harmless",
                kept,
            ]
            assert (await bob.send(private, "and on")).id == stays + 1

    asyncio.run(go_on())
    verify(server)
