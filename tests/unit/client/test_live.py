"""Logging in, and updates as they come or do not come."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re

import pytest
from picows import ws_connect

import heliograph
from api import frames
from api import methods as m
from heliograph import _link
from heliograph._errors import ConnectionLost
from heliograph._live import Live
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
    Server,
)

# --- login and updates --------------------------------------------------------------------------


def test_register_hello_updates_acks() -> None:
    async def test(server: Server) -> None:
        states: list[str] = []
        async with alice(server, on_connection=states.append) as (client, account, reader):
            assert client.logged_in
            assert (client.user_id, client.session_id) == (1, 1)
            assert states == ["connecting", "online"]
            marks = [server.mark(account, number) for number in range(1, 4)]
            assert await reader.have(3) == marks
            await server.until(lambda: server.connection.acks[-1:] == [3])
            await everything(client, account, reader)
        assert states == ["connecting", "online", "offline"]
        assert not server.calls(m.GetDifference), "nothing was missing"

    run(test)


def test_what_happens_between_register_and_hello_is_told() -> None:
    async def test(server: Server) -> None:
        async with client_of(server) as client:
            await client.register("alice", PASSWORD)
            mark = server.mark(server.accounts["alice"], 1)
            assert await Reader(client).have(1) == [mark]

    run(test)


def test_login_begins_where_the_mailbox_is() -> None:
    async def test(server: Server) -> None:
        account = server.account("alice")
        server.mark(account, 1)
        async with client_of(server) as client:
            with pytest.raises(heliograph.ApiError, match="wrong_credentials"):
                await client.login("alice", "wrong")
            assert not client.logged_in
            user = await client.login("alice", PASSWORD)
            assert user.username == "alice"
            await client.connected()
            second = server.mark(account, 2)
            assert await Reader(client).have(1) == [second]

    run(test)


def test_another_login_takes_over() -> None:
    """What waits belongs to the login before."""

    async def test(server: Server) -> None:
        bobby = server.account("bobby")
        async with client_of(server) as client:
            await client.register("alice", PASSWORD)
            await client.connected()
            server.mark(server.accounts["alice"], 1)
            await client.me()
            await client.login("bobby", PASSWORD)
            await client.connected()
            mark = server.mark(bobby, 2)
            assert await Reader(client).have(1) == [mark]
            assert client.user_id == bobby.user.id
            await server.until(lambda: len(server.connections) == 1)

    run(test)


def test_without_a_live_connection_calls_go_over_http() -> None:
    async def test(server: Server) -> None:
        async with client_of(server, live=False) as client:
            await client.register("alice", PASSWORD)
            assert (await client.send(CHAT, "hello")).id == 1
            assert not server.opened
            with pytest.raises(RuntimeError, match="live=False"):
                await client.connected()

    run(test)


# --- pushes -------------------------------------------------------------------------------------


def test_lost_pushes_are_fetched() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):
            server.copies = lambda pts: 0 if pts in (2, 3) else 1
            for number in range(1, 5):
                server.mark(account, number)
            await everything(client, account, reader)
            assert [call.pts for call in server.calls(m.GetDifference)] == [1]

    run(test)


def test_doubled_pushes_are_shown_once() -> None:
    async def test(server: Server) -> None:
        server.copies = lambda pts: 3
        async with alice(server) as (client, account, reader):
            for number in range(1, 20):
                server.mark(account, number)
            await everything(client, account, reader)

    run(test)


def test_a_number_without_an_update_is_a_reason_to_fetch() -> None:
    """The server lost the connection's subscription for a while."""

    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):
            server.copies = lambda pts: 0
            server.mark(account, 1)
            server.connection.send(b'{"pts":1}')
            await everything(client, account, reader)

    run(test)


def test_pages_of_missed_updates_come_in_order() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):
            server.copies = lambda pts: 0
            for number in range(1, 251):
                server.mark(account, number)
            server.connection.drop()
            await everything(client, account, reader)
            assert [call.pts for call in server.calls(m.GetDifference)] == [0, 100, 200]

    run(test)


def test_silence_makes_the_client_ask() -> None:
    """One lost push that nothing follows."""

    async def test(server: Server) -> None:
        server.heartbeat_s = 1
        timeouts = heliograph.Timeouts(quiet_s=0.5, attempt_s=2)
        async with alice(server, timeouts=timeouts) as (client, account, reader):
            server.copies = lambda pts: 0
            server.mark(account, 1)
            await everything(client, account, reader)
            assert server.opened == 1

    run(test)


def test_a_silent_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_link, "SILENCE_HEARTBEATS", 0.5)

    async def test(server: Server) -> None:
        server.heartbeat_s = 1
        server.silent = True
        async with alice(server):
            await server.until(lambda: server.opened == 2)

    run(test)


def test_unknown_kinds_spoil_nothing() -> None:
    new = b'{"type":"poll_closed","poll":{"id":7}}'
    action = (
        b'{"type":"message_new","message":{"chat_id":"g1","id":1,"from_id":2,"date_ms":3,'
        b'"action":{"kind":"new"}}}'
    )

    async def test(server: Server) -> None:
        async with alice(server) as (_, account, reader):
            server.update(account, new)
            server.update(account, action)
            server.connection.send(b'{"event":{"type":"waving","user_id":2}}')
            server.connection.send(b'{"notice":"a kind of frame that is new"}')
            server.copies = lambda pts: 0
            server.update(account, new)
            server.copies = lambda pts: 1
            mark = server.mark(account, 4)
            known = [heliograph.UnknownUpdate(raw) for raw in (new, action, new)]
            assert await reader.have(4) == [*known, mark]
            assert server.opened == 1

    run(test)


def test_events_are_told() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (_, account, reader):
            typing = heliograph.Typing(CHAT, 2)
            server.connection.send(frames.event_frame(typing))
            mark = server.mark(account, 1)
            assert await reader.have(2) == [typing, mark]

    run(test)


@pytest.mark.parametrize("gone", [5, 0], ids=["away too long", "restored from a backup"])
def test_resync(gone: int) -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (_, account, reader):
            marks = [server.mark(account, number) for number in range(1, 4)]
            await reader.have(3)
            server.copies = lambda pts: 0
            if gone:
                for number in range(4, 8):
                    server.mark(account, number)
                account.gone = gone
            else:
                del account.mailbox[2:]
            server.connection.drop()
            await server.until(lambda: bool(server.calls(m.GetDifference)))
            server.copies = lambda pts: 1
            at = len(account.mailbox)
            items = await reader.have(4)
            last = server.mark(account, 8)
            assert await reader.have(5) == [*marks, heliograph.Resync(at), last]
            assert items[3].pts == at

    run(test)


def test_a_slow_application_is_bounded_and_loses_nothing() -> None:
    async def test(server: Server) -> None:
        bounds = heliograph.Bounds(updates_max=10, held_max=10)
        async with client_of(server, bounds=bounds) as client:
            await client.register("alice", PASSWORD)
            await client.connected()
            account = server.accounts["alice"]
            for number in range(1, 501):
                server.mark(account, number)
            await client.me()
            assert len(client._inbox) <= 20
            numbers = []
            async for update in client.updates():
                assert isinstance(update, heliograph.ReadOutbox)
                numbers.append(update.max_id)
                assert len(client._inbox) <= 10 + 100, "the bound and one page"
                if len(numbers) == 500:
                    break
            assert numbers == list(range(1, 501))

    run(test)


def test_who_accepts_and_says_nothing_is_hung_up_on() -> None:
    """The socket is closed, and not only when garbage is collected."""

    async def test() -> None:
        hung_up = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = await reader.read()
            assert asked.startswith(b"GET /ws"), "read to its end"
            writer.close()
            hung_up.set()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            live = Live(lambda frame: None, ws_connect)
            with pytest.raises(ConnectionLost):
                await live.open(f"ws://127.0.0.1:{port}/ws", 0.1, None)
            await asyncio.wait_for(hung_up.wait(), 60)

    asyncio.run(test())


def test_who_accepts_after_the_client_has_given_up_is_hung_up_on() -> None:
    async def test() -> None:
        asked, given_up, hung_up = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            (key,) = re.findall("(?i)sec-websocket-key: (.*)\r\n", head)
            asked.set()
            await given_up.wait()
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: %b\r\n\r\n" % accepted(key)
            )
            await reader.read()
            writer.close()
            hung_up.set()

        async with await asyncio.start_server(late, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            live = Live(lambda frame: None, ws_connect)
            opening = asyncio.create_task(live.open(f"ws://127.0.0.1:{port}/ws", 120.0, None))
            await asyncio.wait_for(asked.wait(), 60)
            opening.cancel()
            await asyncio.wait([opening])
            live.close()
            given_up.set()
            await asyncio.wait_for(hung_up.wait(), 30)

    asyncio.run(test())


def accepted(key: str) -> bytes:
    """What a server proves with that it has understood (RFC 6455, 4.2.2)."""
    proof = hashlib.sha1(
        f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False
    )
    return base64.b64encode(proof.digest())
