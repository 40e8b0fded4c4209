"""Every session and every chat as a Ray actor of its own, by the same code."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

import heliograph
from actors import addresses
from heliograph.admin.stored import placement_of
from runtime.refs import ActorRef
from storage.folder import DataFolder
from tests.integration.running import RunningServer, verify, wait_for
from tests.integration.test_client import Four, all_have, run, talk

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

OPTIONS = ("--host", "::1", "--dedicated", "session", "--dedicated", "chat")


def process_of(server: RunningServer, ref: ActorRef) -> int:
    """The process of a dedicated actor, as its lock says."""
    placement = placement_of(DataFolder.look(server.data))
    folder = server.data / placement.host(placement.partition(ref))
    return int((folder / "LOCK").read_text())


def sessions_of(people: Four) -> list[ActorRef]:
    clients = [device.client for device in people.devices]
    return [addresses.session(client.user_id, client.session_id) for client in clients]


def test_each_session_and_chat_is_a_process(server: RunningServer) -> None:
    async def test(people: Four) -> None:
        alice, bob = people.alice[0].client, people.bob[0].client
        chat = await alice.open_private(bob.user_id)
        group = await alice.create_group("Four of us", [bob.user_id])
        await talk(people, chat.id, 5)
        await all_have(people, chat.id, 20)
        sent = await alice.send(group.id, "seen?")
        delivered = heliograph.Delivered(group.id, sent.id, bob.user_id)
        await people.alice[1].until(lambda: delivered in people.alice[1].items)

        actors = [*sessions_of(people), addresses.chat(chat.id), addresses.chat(group.id)]
        processes = {process_of(server, ref) for ref in actors}
        assert len(processes) == len(actors)
        assert processes < set(server.pids("ray::Host"))

    run(server, test)


def test_a_chat_and_a_session_are_killed(server: RunningServer) -> None:
    async def test(people: Four) -> None:
        alice, bob = people.alice[0].client, people.bob
        chat = await alice.open_private(bob[0].client.user_id)
        talking = asyncio.create_task(talk(people, chat.id, 50))
        await bob[1].until(lambda: len(bob[1].texts(chat.id)) > 10)
        for ref in (addresses.chat(chat.id), sessions_of(people)[0]):
            os.kill(process_of(server, ref), signal.SIGKILL)
        assert not talking.done(), "they were killed while people talked"
        await talking
        await all_have(people, chat.id, 200)

    run(server, test)


def test_an_ended_session_of_its_own_is_closed_at_once(server: RunningServer) -> None:
    async def test(people: Four) -> None:
        first, second = people.alice
        await first.client.end_session(second.client.session_id)
        await second.task
        assert isinstance(second.error, heliograph.SessionEnded)

    run(server, test)


@pytest.mark.soak
def test_all_of_it_is_there_after_a_restart(server: RunningServer, tmp_path: Path) -> None:
    state = heliograph.FileState(tmp_path / "state")
    texts = [f"note {number}" for number in range(20)]

    async def write() -> str:
        async with heliograph.Client(server.url, state=state) as client:
            await client.register("hermit", "a password of its own")
            notes = await client.open_private(client.user_id)
            for text in texts:
                await client.send(notes.id, text)
            return notes.id

    async def read(chat_id: str) -> list[str]:
        async with heliograph.Client(server.url, state=state) as client:
            await client.connected()
            return [m.text async for m in client.history(chat_id, oldest_first=True)]

    chat_id = asyncio.run(write())
    server.stop()
    server.start()
    wait_for(server.answers)
    assert asyncio.run(read(chat_id)) == texts
    verify(server)
