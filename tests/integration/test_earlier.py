"""Data folders that an earlier version left when its power failed: this one serves them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from api import types as t
from heliograph import Client
from tests.formats.folders import NAMES, PASSWORD, Told, seen_by, unpack
from tests.integration.running import RunningServer, verify


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.soak] if "copies" in n else []) for n in NAMES]
)
def test_an_earlier_folder_is_served(folder: Path, name: str) -> None:
    told = unpack(name, folder.parent)
    server, notes = RunningServer(folder).start(), folder.parent / "notes"
    asyncio.run(everybody_looks(server.url, told, notes))
    assert notes.read_bytes() == told.notes
    server.stop()
    verify(server)


async def everybody_looks(url: str, told: Told, notes: Path) -> None:
    for username in ("alice", "bobby"):
        await sees_what_they_saw(url, told, username)
    async with Client(url, token=told.token, live=False) as telephone:
        (message,) = await telephone.messages(told.notes_at[0], [told.notes_at[1]])
        await telephone.download(message, notes)
    for number in range(6):
        await is_told_of_all(url, told, f"member{number}")


async def sees_what_they_saw(url: str, told: Told, username: str) -> None:
    async with Client(url, live=False) as client:
        await client.login(username, PASSWORD)
        before, now = told.users[client.user_id], await seen_by(client)
    assert [dialog for dialog in now.dialogs if dialog.title != "Late"] == before.dialogs
    assert {chat_id: now.messages[chat_id] for chat_id in before.messages} == before.messages
    assert (now.contacts, now.blocked) == (before.contacts, before.blocked)
    assert now.pts >= before.pts


async def is_told_of_all(url: str, told: Told, username: str) -> None:
    """Also of what was on its way: once, and in order."""
    heard: list[str] = []
    pts = 0
    async with Client(url, live=False) as member:
        await member.login(username, PASSWORD)
        while len(heard) < len(told.late):
            difference = await member.poll(pts)
            pts = difference.pts
            heard += [
                each.update.message.text
                for each in difference.updates
                if isinstance(each.update, t.MessageNew) and each.update.message.text
            ]
    assert heard == told.late
