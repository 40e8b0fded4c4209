"""Text that nobody made for this: Debian's fortune files in English, Russian and Chinese, replayed
as conversations between hundreds of users through real clients."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import heliograph
from api import limits
from tests.integration.running import HANGS_S, RunningServer, verify
from tests.profile import SEED, SOAK

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

FORTUNES = Path("/usr/share/games/fortunes")
PACKAGES = {"fortunes": "fortunes", "fortunes-ru": "ru/*", "fortunes-zh": "chinese"}
USERS = 200
PRIVATE_CHATS = 300
GROUPS, GROUP_MEMBERS = 20, 10
LOGINS_AT_ONCE = 16


def texts() -> Iterator[str]:
    """Every fortune, as messages: longer ones in pieces; a message needs something to be seen."""
    for path in sorted(FORTUNES.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".dat", ".u8"):
            for fortune in path.read_bytes().decode().split("\n%\n"):
                for start in range(0, len(fortune), limits.TEXT_CHARS_MAX):
                    piece = fortune[start : start + limits.TEXT_CHARS_MAX]
                    if piece.strip():
                        yield piece


@dataclass
class Person:
    client: heliograph.Client
    got: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By chat, in the order in which the updates came."""
    expected: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        count = 0
        async for update in self.client.updates():
            if isinstance(update, heliograph.MessageNew) and update.message.action is None:
                self.got[update.message.chat_id].append(update.message.text)
                count += 1
                if count == self.expected:
                    self.done.set()


@dataclass
class Conversation:
    """Everybody says something in turn."""

    people: list[Person]
    texts: list[str]
    chat_id: str = ""

    async def hold(self) -> None:
        speakers = itertools.cycle(self.people)
        for text, speaker in zip(self.texts, speakers, strict=False):
            await speaker.client.send(self.chat_id, text)


async def conversations(people: list[Person], said: list[str]) -> list[Conversation]:
    """Open the chats, and deal out what will be said."""
    dice = random.Random(4)
    circles = [dice.sample(people, 2) for _ in range(PRIVATE_CHATS)]
    pairs = {frozenset((a.client.user_id, b.client.user_id)): [a, b] for a, b in circles}
    circles = list(pairs.values()) + [dice.sample(people, GROUP_MEMBERS) for _ in range(GROUPS)]
    found = []
    for number, circle in enumerate(circles):
        talk = Conversation(circle, said[number :: len(circles)])
        first, *others = (person.client for person in circle)
        if len(circle) == 2:
            chat = await first.open_private(others[0].user_id)
        else:
            chat = await first.create_group(f"Group {number}")
            for other in others:
                await first.add_member(chat.id, other.user_id)
        talk.chat_id = chat.id
        for person in circle:
            person.expected += len(talk.texts)
        found.append(talk)
    return found


async def replay(url: str, said: list[str]) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(heliograph.Client(url, device="fortune reader"))
            for _ in range(USERS)
        ]
        at_once = asyncio.Semaphore(LOGINS_AT_ONCE)

        async def register(number: int, client: heliograph.Client) -> Person:
            async with at_once:
                await client.register(f"reader{number}", "something to read")
                await client.connected()
            return Person(client)

        people = await asyncio.gather(*(register(n, c) for n, c in enumerate(clients)))
        talks = await conversations(people, said)
        listeners = [asyncio.create_task(person.listen()) for person in people]
        await asyncio.gather(*(talk.hold() for talk in talks))
        for person in people:
            if person.expected:
                await asyncio.wait_for(person.done.wait(), HANGS_S)
        for talk in talks:
            for person in talk.people:
                assert person.got[talk.chat_id] == talk.texts, "received other than sent"
        for talk in talks:
            reader = talk.people[-1].client
            stored = [
                message.text
                async for message in reader.history(talk.chat_id, oldest_first=True, page=100)
                if message.action is None
            ]
            assert [t.encode() for t in stored] == [t.encode() for t in talk.texts]
        for listener in listeners:
            listener.cancel()


def test_fortunes_are_told_and_read_back_byte_for_byte(server: RunningServer) -> None:
    missing = [name for name, files in PACKAGES.items() if not list(FORTUNES.glob(files))]
    if missing:
        pytest.skip(f"needs Debian's packages {', '.join(missing)}")
    said = list(texts())
    assert len(said) > 40_000
    if not SOAK:
        said = random.Random(SEED).sample(said, 2_500)
    asyncio.run(replay(server.url, said))
    verify(server)
