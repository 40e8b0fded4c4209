"""The client library against a real server: two users with two devices each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

import heliograph
from tests.integration.running import RunningServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
TEST_S_MAX = 240


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of which a process is killed."""
    running = RunningServer(tmp_path_factory.mktemp("client") / "data").start()
    yield running
    running.stop()


class Device:
    """A client with all that it was told, in order."""

    def __init__(self, client: heliograph.Client) -> None:
        self.client = client
        self.items: list[Any] = []
        self.error: BaseException | None = None
        self._more = asyncio.Event()
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for item in self.client.updates():
                self.items.append(item)
                self._more.set()
        except heliograph.SessionEnded as error:
            self.error = error

    def texts(self, chat_id: str) -> list[str]:
        return [
            item.message.text
            for item in self.items
            if isinstance(item, heliograph.MessageNew)
            and item.message.chat_id == chat_id
            and item.message.action is None
        ]

    def message_ids(self, chat_id: str) -> list[int]:
        return [
            item.message.id
            for item in self.items
            if isinstance(item, heliograph.MessageNew) and item.message.chat_id == chat_id
        ]

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until what was told makes something so."""
        while not what():
            self._more.clear()
            await self._more.wait()


class Four:
    """Alice and Bob, on two devices each."""

    def __init__(self, alice: list[Device], bob: list[Device]) -> None:
        self.alice, self.bob = alice, bob

    @property
    def devices(self) -> list[Device]:
        return [*self.alice, *self.bob]


@contextlib.asynccontextmanager
async def four(server: RunningServer) -> AsyncIterator[Four]:
    async with contextlib.AsyncExitStack() as stack:

        async def devices(name: str) -> list[Device]:
            username = f"{name}_{secrets.token_hex(4)}"
            found = []
            for number in range(2):
                client = heliograph.Client(server.url, device=f"{name}'s {number}")
                await stack.enter_async_context(client)
                if number == 0:
                    await client.register(username, PASSWORD)
                else:
                    await client.login(username, PASSWORD)
                await client.connected()
                found.append(Device(client))
            return found

        yield Four(await devices("alice"), await devices("bobby"))


def run(server: RunningServer, test: Callable[[Four], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(TEST_S_MAX), four(server) as people:
            await test(people)

    asyncio.run(limited())


async def talk(people: Four, chat_id: str, count: int) -> None:
    """All four devices write at once; each waits for its answer before it goes on."""

    async def write(device: Device, name: str) -> None:
        for number in range(count):
            await device.client.send(chat_id, f"{name} {number}")

    async with asyncio.TaskGroup() as tasks:
        for index, device in enumerate(people.devices):
            tasks.create_task(write(device, f"device {index}"))


async def all_have(people: Four, chat_id: str, count: int) -> None:
    """Every device was told every message once, in the chat's one order, which keeps each
    writer's own."""
    for device in people.devices:
        await device.until(lambda device=device: len(device.texts(chat_id)) >= count)  # type: ignore[misc]
    history = [
        message async for message in people.alice[0].client.history(chat_id, oldest_first=True)
    ]
    for device in people.devices:
        assert device.message_ids(chat_id) == [message.id for message in history]
    texts = [message.text for message in history if message.action is None]
    assert len(texts) == count
    for index in range(4):
        own = [text for text in texts if text.startswith(f"device {index} ")]
        assert own == [f"device {index} {number}" for number in range(count // 4)]


def test_private_chat_and_marks(server: RunningServer) -> None:
    async def test(people: Four) -> None:
        alice, bob = people.alice, people.bob
        bob_id = bob[0].client.user_id
        chat = await alice[0].client.open_private(bob_id)
        await talk(people, chat.id, 10)
        await all_have(people, chat.id, 40)

        sent = await alice[0].client.send(chat.id, "seen?")
        delivered = heliograph.Delivered(chat.id, sent.id, bob_id)
        for device in alice:
            await device.until(lambda device=device: delivered in device.items)  # type: ignore[misc]
        assert (await bob[1].client.mark_read(chat.id, sent.id)).unread == 0
        read = heliograph.ReadOutbox(chat.id, sent.id, bob_id)
        for device in alice:
            await device.until(lambda device=device: read in device.items)  # type: ignore[misc]
        inbox = heliograph.ReadInbox(chat.id, sent.id, 0)
        for device in bob:
            await device.until(lambda device=device: inbox in device.items)  # type: ignore[misc]
        for device in alice:
            assert device.items.index(delivered) < device.items.index(read)
            assert device.items.count(delivered) == device.items.count(read) == 1

        await bob[0].client.typing(chat.id)
        typing = heliograph.Typing(chat.id, bob_id)
        await alice[1].until(lambda: typing in alice[1].items)

    run(server, test)


def test_group(server: RunningServer) -> None:
    async def test(people: Four) -> None:
        alice, bob = people.alice, people.bob
        bob_name = (await bob[0].client.me()).username
        group = await alice[0].client.create_group("Reading circle", [bob_name])
        joined = heliograph.Action("member_added", bob[0].client.user_id, "Reading circle")
        await bob[0].until(
            lambda: any(
                isinstance(item, heliograph.MessageNew) and item.message.action == joined
                for item in bob[0].items
            )
        )
        await alice[1].client.rename(group.id, "Writing circle")
        await talk(people, group.id, 10)
        for device in people.devices:
            await device.until(lambda device=device: len(device.texts(group.id)) >= 40)  # type: ignore[misc]
        # Bob was not there for the first message.
        chat = await bob[1].client.chat(group.id)
        assert chat.title == "Writing circle"
        assert alice[0].message_ids(group.id) == list(range(1, chat.last_id + 1))
        assert alice[1].message_ids(group.id) == alice[0].message_ids(group.id)
        assert bob[0].message_ids(group.id) == list(range(2, chat.last_id + 1))
        assert bob[1].message_ids(group.id) == bob[0].message_ids(group.id)
        assert alice[0].texts(group.id) == bob[1].texts(group.id)

        await bob[0].client.leave(group.id)
        with pytest.raises(heliograph.ApiError, match="chat_not_found"):
            await bob[1].client.send(group.id, "am I still here?")

    run(server, test)


def test_messages_change_everywhere(server: RunningServer, tmp_path: Path) -> None:
    """Over live connections, by a poll over HTTP, and by a link of a file."""
    notes = tmp_path / "notes.txt"
    notes.write_text("what is to be gone")

    async def test(people: Four) -> None:
        alice, bob = people.alice, people.bob
        chat = await alice[0].client.open_private(bob[0].client.user_id)
        saved = await bob[0].client.open_private(bob[0].client.user_id)
        sent = await alice[0].client.send(chat.id, "helo")
        file = await alice[0].client.send_file(chat.id, notes)
        await bob[0].until(lambda: len(bob[0].message_ids(chat.id)) == 2)
        before = (await bob[0].client.mailbox_state()).pts

        now = await alice[1].client.edit(chat.id, sent.id, "hello")
        (forward,) = await bob[1].client.forward(chat.id, [file.id], saved.id)
        link = await bob[1].client.file_link(chat.id, file.id)
        kept = await bob[1].client.file_link(saved.id, forward.id)
        await alice[0].client.delete(chat.id, [file.id], for_all=True)
        edited = heliograph.MessageEdited(msgspec.structs.replace(now, random_id=0))
        deleted = heliograph.MessagesDeleted(chat.id, [file.id], 1)
        for device in bob:
            await device.until(lambda device=device: deleted in device.items)  # type: ignore[misc]
            assert edited in device.items
        for device in alice:
            await device.until(
                lambda device=device: heliograph.MessageEdited(now) in device.items  # type: ignore[misc]
            )
        polled = await bob[0].client.poll(before, 0)
        assert [numbered.update for numbered in polled.updates][-1] == deleted
        one, two = (await bob[0].client.history_page(chat.id)).messages
        assert (one, two.deleted, two.media) == (edited.message, True, None)
        async with httpx2.AsyncClient(base_url=server.url) as http:
            gone = await http.get(link.path)
            assert (gone.status_code, gone.json()["code"]) == (404, "media_not_found")
            assert (await http.get(kept.path)).text == notes.read_text()

    run(server, test)


def test_ending_a_session_closes_its_device(server: RunningServer) -> None:
    async def test(people: Four) -> None:
        first, second = people.bob
        sessions = {session.device: session for session in await first.client.sessions()}
        assert set(sessions) == {"bobby's 0", "bobby's 1"}
        assert sessions["bobby's 0"].current
        assert sessions["bobby's 1"].id == second.client.session_id
        await first.client.end_session(second.client.session_id)
        await second.task
        assert isinstance(second.error, heliograph.SessionEnded)
        assert not second.client.logged_in
        assert len(await first.client.sessions()) == 1

        await people.alice[1].client.logout()
        await people.alice[1].task
        assert people.alice[1].error is None
        assert len(await people.alice[0].client.sessions()) == 1
        chat = await people.alice[0].client.open_private(first.client.user_id)
        await people.alice[0].client.send(chat.id, "the others go on")
        await first.until(lambda: first.texts(chat.id) == ["the others go on"])

    run(server, test)


def test_a_restart_of_the_client_goes_on(server: RunningServer, tmp_path: Path) -> None:
    state = heliograph.FileState(tmp_path / "state")

    async def test(people: Four) -> None:
        writer = people.alice[0].client
        name = f"carol_{secrets.token_hex(4)}"
        async with heliograph.Client(server.url, state=state) as carol:
            user = await carol.register(name, PASSWORD)
            chat = await writer.open_private(user.id)
            await writer.send(chat.id, "one")
            device = Device(carol)
            await device.until(lambda: device.texts(chat.id) == ["one"])
        sent = [await writer.send(chat.id, text) for text in ("two", "three")]
        async with heliograph.Client(server.url, state=state) as carol:
            device = Device(carol)
            await device.until(lambda: device.texts(chat.id)[-1:] == ["three"])
            assert device.texts(chat.id) == ["two", "three"]
            delivered = heliograph.Delivered(chat.id, sent[-1].id, user.id)
            await people.alice[1].until(lambda: delivered in people.alice[1].items)

    run(server, test)


def test_the_edge_is_killed(own_server: RunningServer) -> None:
    async def test(people: Four) -> None:
        chat = await people.alice[0].client.open_private(people.bob[0].client.user_id)
        talking = asyncio.create_task(talk(people, chat.id, 100))
        bob = people.bob[1]
        await bob.until(lambda: len(bob.texts(chat.id)) > 40)
        (pid,) = own_server.pids("ray::Edge")
        os.kill(pid, signal.SIGKILL)
        assert not talking.done(), "it was killed while they talked"
        await talking
        await all_have(people, chat.id, 400)
        for device in people.devices:
            await device.client.connected()

    run(own_server, test)


def test_the_longest_texts_get_through(server: RunningServer, tmp_path: Path) -> None:
    """A hundred of them are more than one answer holds: pages end early, and reading many pages at
    once is not taken for reading slowly."""
    state = heliograph.FileState(tmp_path / "state")
    texts = [chr(0x1F300 + number) * 4096 for number in range(100)]

    async def test(people: Four) -> None:
        writer = people.alice[0].client
        async with heliograph.Client(server.url, state=state) as dora:
            user = await dora.register(f"dora_{secrets.token_hex(4)}", PASSWORD)
            chat = await writer.open_private(user.id)
        for text in texts:
            await writer.send(chat.id, text)
        async with heliograph.Client(server.url, state=state) as dora:
            device = Device(dora)
            await device.until(lambda: len(device.texts(chat.id)) == len(texts))
            assert device.texts(chat.id) == texts
            histories = [read_all(dora, chat.id, oldest_first=True) for _ in range(10)]
            assert await asyncio.gather(*histories) == [texts] * 10
            assert await read_all(dora, chat.id, oldest_first=False) == texts[::-1]
            found = await dora.messages(chat.id, range(1, 200))
            assert [message.text for message in found] == texts

    run(server, test)


async def read_all(client: heliograph.Client, chat_id: str, *, oldest_first: bool) -> list[str]:
    history = client.history(chat_id, oldest_first=oldest_first, page=100)
    return [message.text async for message in history]
