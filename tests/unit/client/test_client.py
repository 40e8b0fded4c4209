"""The life of a client: its end, its state, its pages and addresses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import heliograph
from api import frames
from api import methods as m
from api import types as t
from api.errors import ApiError
from heliograph._link import addresses
from tests.unit.client.driving import (
    CHAT,
    PASSWORD,
    Reader,
    alice,
    client_of,
    everything,
    run,
)
from tests.unit.client.fake_server import (
    LOST_AFTER,
    NEVER,
    Fault,
    Server,
)

# --- the end ------------------------------------------------------------------------------------


def test_the_session_is_ended_from_elsewhere(tmp_path: Path) -> None:
    state = heliograph.FileState(tmp_path / "state")

    async def test(server: Server) -> None:
        async with alice(server, state=state) as (client, _, reader):
            server.tokens.clear()
            server.connection.close(frames.Close.SESSION_ENDED)
            await reader.task
            assert isinstance(reader.error, heliograph.SessionEnded)
            with pytest.raises(heliograph.SessionEnded):
                await client.connected()
            assert client.connection == "ended"
            assert not client.logged_in
            with pytest.raises(heliograph.ApiError, match="unauthorized"):
                await client.me()
            saved = state.load()
            assert saved is not None
            assert not saved.token
            await client.login("alice", PASSWORD)
            await client.connected()

    run(test)


def test_a_token_that_is_not_valid_any_more() -> None:
    async def test(server: Server) -> None:
        async with client_of(server, token="old") as client:
            reader = Reader(client)
            await reader.task
            assert isinstance(reader.error, heliograph.SessionEnded)
            assert server.opened == 1, "it does not come again"

    run(test)


def test_the_client_that_is_one_too_many_does_not_come_again() -> None:
    """Or it would send another one away, which would send it away."""

    async def test(server: Server) -> None:
        state = heliograph.MemoryState()
        async with alice(server, state=state) as (client, _, reader):
            server.connection.close(frames.Close.TOO_MANY)
            await reader.task
            assert isinstance(reader.error, heliograph.Displaced)
            with pytest.raises(heliograph.Displaced):
                await client.connected()
            assert client.logged_in
            assert (await client.me()).username == "alice", "calls go over HTTP"
            assert server.opened == 1
        saved = state.load()
        assert saved is not None
        assert saved.token

    run(test)


@pytest.mark.parametrize("code", [0, frames.Close.GOING_AWAY, frames.Close.SILENT])
def test_other_closes_are_resumed(code: int) -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):
            connection = server.connection
            connection.close(code) if code else connection.drop()
            server.mark(account, 1)
            await everything(client, account, reader)
            assert server.opened == 2

    run(test)


@pytest.mark.parametrize("fault", [None, LOST_AFTER])
def test_logout_ends_the_updates_without_an_error(fault: str | None) -> None:
    """The server closes the connection with it, before it answers."""

    async def test(server: Server) -> None:
        async with alice(server) as (client, _, reader):
            if fault:
                server.faults[m.Logout].append(fault)
            await client.logout()
            await reader.task
            assert reader.error is None
            assert not client.logged_in

    run(test)


@pytest.mark.parametrize("live", [True, False], ids=["live", "http"])
@pytest.mark.parametrize("fault", [NEVER, ApiError("overloaded", retry_after=4)])
def test_close_ends_calls_in_flight(fault: Fault, live: bool) -> None:
    async def test(server: Server) -> None:
        loop = asyncio.get_running_loop()
        async with client_of(server, live=live) as client:
            await client.register("alice", PASSWORD)
            if live:
                await client.connected()
            server.faults[m.GetMe] += [fault] * 2
            call = asyncio.create_task(client.me())
            reader = Reader(client)
            await server.until(lambda: bool(server.calls(m.GetMe)))
            began_s = loop.time()
            await client.close()
            with pytest.raises(heliograph.ClientClosed):
                await call
            assert loop.time() - began_s < 1
            await reader.task
            assert reader.error is None
            with pytest.raises(heliograph.ClientClosed):
                await client.me()

    run(test)


def test_close_while_connecting() -> None:
    async def test(server: Server) -> None:
        server.faults[m.SayHello] += [NEVER] * 9
        async with client_of(server) as client:
            await client.register("alice", PASSWORD)
            waiting = asyncio.create_task(client.connected())
            await server.until(lambda: bool(server.calls(m.SayHello)))
        with pytest.raises(heliograph.ClientClosed):
            await waiting
        with pytest.raises(heliograph.ClientClosed):
            await client.__aenter__()

    run(test)


def test_a_client_that_was_not_opened() -> None:
    async def test(server: Server) -> None:
        with pytest.raises(heliograph.ClientClosed, match="async with"):
            await client_of(server).me()

    run(test)


# --- the state ----------------------------------------------------------------------------------


def test_a_restart_goes_on_after_what_was_handled(tmp_path: Path) -> None:
    state = heliograph.FileState(tmp_path / "state")

    async def test(server: Server) -> None:
        async with client_of(server, state=state) as client:
            await client.register("alice", PASSWORD)
            account = server.accounts["alice"]
            marks = [server.mark(account, number) for number in range(1, 6)]
            updates = client.updates()
            assert [await anext(updates) for _ in range(3)] == marks[:3]
        saved = state.load()
        assert saved is not None
        assert saved.pts == 2, "the third was handed out; nobody knows whether it was handled"
        await server.until(lambda: not server.connections)
        async with client_of(server, state=state) as client:
            assert client.logged_in
            assert client.user_id == 1
            await client.connected()
            await server.until(lambda: server.connection.acks == [2])
            reader = Reader(client)
            assert await reader.have(3) == marks[2:]
            await server.until(lambda: server.connection.acks[-1] == 5)

    run(test)


class Watched(heliograph.MemoryState):
    """Tells when it is saved, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.saves = asyncio.Queue[heliograph.Saved]()
        self.full = False

    def save(self, saved: heliograph.Saved) -> None:
        if self.full:
            raise heliograph.StateError("the disk is full")
        super().save(saved)
        self.saves.put_nowait(saved)


def test_the_last_update_is_saved_though_none_follows() -> None:
    async def test(server: Server) -> None:
        state = Watched()
        async with alice(server, state=state) as (_, account, _):
            for number in range(1, 4):
                server.mark(account, number)
            while (await state.saves.get()).pts != 3:
                pass

    run(test)


def test_a_state_that_cannot_be_saved_is_told_to_the_reader_and_loses_nothing() -> None:
    async def test(server: Server) -> None:
        state = Watched()
        timeouts = heliograph.Timeouts(save_s=1e-6)
        async with client_of(server, state=state, timeouts=timeouts) as client:
            await client.register("alice", PASSWORD)
            account = server.accounts["alice"]
            marks = [server.mark(account, number) for number in range(1, 4)]
            updates = client.updates()
            assert await anext(updates) == marks[0]
            state.full = True
            with pytest.raises(heliograph.StateError):
                await anext(updates)
            state.full = False
            assert await Reader(client).have(2) == marks[1:]

    run(test)


def test_close_hangs_up_though_the_state_cannot_be_saved() -> None:
    async def test(server: Server) -> None:
        state = Watched()
        client = client_of(server, state=state)
        await client.__aenter__()
        await client.register("alice", PASSWORD)
        await client.connected()
        state.full = True
        with pytest.raises(heliograph.StateError):
            await client.close()
        await server.until(lambda: not server.connections)
        assert client._http is not None
        assert client._http._http.is_closed

    run(test)


def test_the_state_of_another_server_is_refused() -> None:
    async def test(server: Server) -> None:
        saved = heliograph.Saved(server="https://elsewhere.example", token="secret")
        client = client_of(server, state=heliograph.MemoryState(saved))
        with pytest.raises(heliograph.StateError, match="elsewhere"):
            await client.__aenter__()
        assert not server.asked

    run(test)


# --- pages --------------------------------------------------------------------------------------


def test_history_in_both_directions() -> None:
    log = [t.Message(CHAT, number, 1, number) for number in range(1, 8)]

    def history(params: m.GetHistory) -> t.History:
        if isinstance(params.after_id, int):
            page = log[params.after_id : params.after_id + params.limit]
            return t.History(page, more=page[-1:] != log[-1:])
        end = params.before_id - 1 if params.before_id else len(log)
        page = log[max(end - params.limit, 0) : end]
        return t.History(page, more=page[:1] != log[:1])

    async def test(server: Server) -> None:
        server.answers[m.GetHistory] = history
        async with client_of(server) as client:
            assert [one async for one in client.history(CHAT, page=3)] == log[::-1]
            found = [one async for one in client.history(CHAT, page=3, oldest_first=True)]
            assert found == log
            assert len(server.calls(m.GetHistory)) == 6

    run(test)


def test_all_dialogs_each_once_though_they_move() -> None:
    dialogs = [t.Dialog(f"g{number}", "group", 1, 1) for number in range(1, 251)]

    def page(params: m.GetDialogs) -> t.Dialogs:
        end = params.offset + params.limit
        found = dialogs[params.offset : end]
        dialogs.insert(0, dialogs.pop())  # the last one gets a message
        return t.Dialogs(found, end if end < len(dialogs) else 0, 9)

    async def test(server: Server) -> None:
        server.answers[m.GetDialogs] = page
        async with client_of(server) as client:
            found = [dialog.chat_id async for dialog in client.dialogs()]
        assert len(found) == len(set(found))
        assert {f"g{number}" for number in range(1, 249)} <= set(found)

    run(test)


def test_many_users_are_asked_for_by_page() -> None:
    def users(params: m.GetUsers) -> t.Users:
        return t.Users([t.User(number, "", "") for number in params.user_ids if number % 2])

    async def test(server: Server) -> None:
        server.answers[m.GetUsers] = users
        async with client_of(server) as client:
            found = await client.users([*range(1, 251), 1])
        assert [user.id for user in found] == list(range(1, 251, 2))
        assert len(server.calls(m.GetUsers)) == 3

    run(test)


# --- addresses ----------------------------------------------------------------------------------


def test_the_address_is_checked() -> None:
    with pytest.raises(ValueError, match="http://"):
        heliograph.Client("chat.example.org")


@pytest.mark.parametrize(
    ("server", "ws_url", "path", "expected"),
    [
        ("http://h:1", "ws://h:2/ws", "/ws", ["ws://h:2/ws", "ws://h:1/ws"]),
        ("https://h", "wss://h:2/ws", "", ["wss://h:2/ws"]),
        ("https://h", "ws://h:2/ws", "/ws", ["wss://h/ws"]),
        ("https://h/chat", "", "/ws", ["wss://h/chat/ws"]),
        ("http://h", "", "", []),
    ],
)
def test_a_safe_server_is_not_left_for_an_unsafe_address(
    server: str, ws_url: str, path: str, expected: list[str]
) -> None:
    assert addresses(server, t.Config("", ws_url, path, "open", 30)) == expected


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("http://chat.lan:8000", ["ws://chat.lan:8001/ws", "ws://chat.lan:8000/ws"]),
        ("http://[fd00::1]:8000", ["ws://[fd00::1]:8001/ws", "ws://[fd00::1]:8000/ws"]),
        ("https://chat.example.org", ["wss://chat.example.org/ws"]),
    ],
)
def test_a_server_that_listens_everywhere_tells_only_its_port(
    server: str, expected: list[str]
) -> None:
    config = t.Config("", "", "/ws", "open", 30, ws_port=8001)
    assert addresses(server, config) == expected
