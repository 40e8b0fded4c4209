"""The client on real sockets against a server that errs as told (`fake_server`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import heliograph
from api import frames
from api import methods as m
from api import types as t
from api.errors import ApiError
from heliograph import _link
from heliograph._link import addresses
from tests.unit.client.fake_server import (
    LOST_AFTER,
    LOST_BEFORE,
    NEVER,
    NEVER_AFTER,
    Account,
    Fault,
    Server,
)

CHAT = "p1-2"
PASSWORD = "password"
QUICK = heliograph.Timeouts(call_s=5, attempt_s=2, connect_s=2, gap_s=0.02, ack_s=0.01, save_s=0.02)
BACKOFF = heliograph.Backoff(0.001, 0.01)
TEST_S_MAX = 10


def run(test: Callable[[Server], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(TEST_S_MAX), Server() as server:
            await test(server)

    asyncio.run(limited())


def client_of(server: Server, **options: Any) -> heliograph.Client:
    return heliograph.Client(
        server.url, **{"timeouts": QUICK, "backoff": BACKOFF, "device": "test", **options}
    )


class Reader:
    """Everything a client tells, in order; `error` is what ended it."""

    def __init__(self, client: heliograph.Client) -> None:
        self.items: list[Any] = []
        self.error: BaseException | None = None
        self.task = asyncio.create_task(self._read(client))
        self._more = asyncio.Event()

    async def _read(self, client: heliograph.Client) -> None:
        try:
            async for item in client.updates():
                self.items.append(item)
                self._more.set()
        except heliograph.HeliographError as error:
            self.error = error

    async def have(self, count: int) -> list[Any]:
        """The items once there are so many."""
        while len(self.items) < count:
            self._more.clear()
            await self._more.wait()
        return self.items


@contextlib.asynccontextmanager
async def alice(
    server: Server, **options: Any
) -> AsyncIterator[tuple[heliograph.Client, Account, Reader]]:
    """Registered, connected, and read."""
    async with client_of(server, **options) as client:
        await client.register("alice", PASSWORD)
        reader = Reader(client)
        await client.connected()
        yield client, server.accounts["alice"], reader


async def everything(client: heliograph.Client, account: Account, reader: Reader) -> list[Any]:
    """What was read once the whole mailbox must have been: it is exactly that."""
    items = await reader.have(len(account.mailbox))
    await client.me()
    assert [frames.encode(item) for item in items] == account.mailbox
    return items


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


# --- calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize("live", [True, False], ids=["live", "http"])
@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER, NEVER, NEVER_AFTER])
def test_a_send_is_repeated_and_stored_and_shown_once(fault: str, live: bool) -> None:
    async def test(server: Server) -> None:
        timeouts = heliograph.Timeouts(attempt_s=0.2, gap_s=0.02)
        async with client_of(server, live=live, timeouts=timeouts) as client:
            await client.register("alice", PASSWORD)
            if live:
                await client.connected()
            server.faults[m.SendMessage].append(fault)
            assert (await client.send(CHAT, "one")).id == 1
            assert (await client.send(CHAT, "two")).id == 2
            first, again, _ = server.calls(m.SendMessage)
            assert first == again
            assert [message.text for message in server.chats[CHAT]] == ["one", "two"]
            if live:
                await everything(client, server.accounts["alice"], Reader(client))

    run(test)


def test_an_unanswered_call_on_a_dead_connection_ends_it() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            server.faults[m.GetMe] += [NEVER]
            with pytest.raises(heliograph.DeadlineExceeded):
                await client.call(m.GetMe(), timeout_s=0.05)
            await server.until(lambda: server.opened == 2)
            assert (await client.me()).id == 1

    run(test)


def test_own_sends_are_told_once_and_in_order_among_others() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):

            async def send(number: int) -> None:
                await client.send(CHAT, f"own {number}")

            async with asyncio.TaskGroup() as tasks:
                for number in range(100):
                    tasks.create_task(send(number))
                    if number % 3 == 0:
                        server.mark(account, number)
                    if number % 20 == 0:
                        await client.me()
            await everything(client, account, reader)
            texts = [message.text for message in server.chats[CHAT]]
            assert texts == [f"own {number}" for number in range(100)]
            assert not server.calls(m.GetDifference)

    run(test)


def test_sends_while_connections_drop() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):
            for number in range(30):
                if number % 4 == 0:
                    server.faults[m.SendMessage].append(LOST_AFTER)
                server.mark(account, number)
                await client.send(CHAT, f"{number}")
            assert len(server.chats[CHAT]) == 30
            await everything(client, account, reader)

    run(test)


@pytest.mark.parametrize("live", [True, False], ids=["live", "http"])
def test_a_refusal_for_the_moment_is_waited_for(live: bool) -> None:
    async def test(server: Server) -> None:
        async with client_of(server, live=live) as client:
            await client.register("alice", PASSWORD)
            if live:
                await client.connected()
            server.faults[m.GetMe] += [ApiError("overloaded", retry_after=0.1), ApiError("flood")]
            began_s = asyncio.get_running_loop().time()
            assert (await client.me()).id == 1
            assert asyncio.get_running_loop().time() - began_s >= 0.1
            assert len(server.calls(m.GetMe)) == 3

    run(test)


def test_other_refusals_are_raised_at_once() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            server.faults[m.GetMe].append(ApiError("user_not_found", "gone"))
            with pytest.raises(heliograph.ApiError, match="user_not_found: gone"):
                await client.me()
            assert len(server.calls(m.GetMe)) == 1

    run(test)


def test_a_refusal_that_lasts_is_raised_before_the_deadline() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            server.faults[m.GetMe] += [ApiError("overloaded", retry_after=60)]
            with pytest.raises(heliograph.ApiError, match="overloaded"):
                await client.me()

    run(test)


@pytest.mark.parametrize("live", [True, False], ids=["live", "http"])
def test_no_answer_before_the_deadline(live: bool) -> None:
    async def test(server: Server) -> None:
        async with client_of(server, live=live) as client:
            await client.register("alice", PASSWORD)
            if live:
                await client.connected()
            server.faults[m.SendMessage] += [NEVER] * 9
            with pytest.raises(heliograph.DeadlineExceeded, match=r"messages\.send") as raised:
                await client.send(CHAT, "hello", timeout_s=0.1)
            assert isinstance(raised.value.__cause__, heliograph.ConnectionLost)

    run(test)


def test_waiting_for_earlier_calls_counts() -> None:
    async def test(server: Server) -> None:
        async with alice(server, bounds=heliograph.Bounds(requests_max=1)) as (client, _, _):
            server.faults[m.GetMe] += [NEVER]
            first = asyncio.create_task(client.me())
            await server.until(lambda: bool(server.calls(m.GetMe)))
            with pytest.raises(heliograph.DeadlineExceeded, match="earlier calls"):
                await client.call(m.GetMe(), timeout_s=0.05)
            first.cancel()
            assert (await client.me()).id == 1, "a call that was given up frees its place"

    run(test)


def test_no_more_calls_are_asked_at_once_than_allowed() -> None:
    async def test(server: Server) -> None:
        bounds = heliograph.Bounds(requests_max=3)
        async with alice(server, bounds=bounds) as (client, account, _):
            server.faults[m.GetMe] += [NEVER] * 5
            calls = [asyncio.create_task(client.me()) for _ in range(5)]
            await server.until(lambda: len(server.calls(m.GetMe)) == 3)
            server.mark(account, 1)
            await server.until(lambda: server.connection.acks == [1])
            assert len(server.calls(m.GetMe)) == 3, "and nothing came before the acknowledgement"
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    run(test)


def test_an_answer_that_is_not_understood() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            server.faults[m.GetMe] += [b'{"id":"seven"}']
            with pytest.raises(heliograph.ProtocolError, match=r"users\.me"):
                await client.me()
            assert (await client.me()).id == 1
            assert server.opened == 1

    run(test)


def test_a_difference_that_is_not_understood_is_asked_for_again() -> None:
    """On another connection, and at once: not only when the first request has timed out."""

    async def test(server: Server) -> None:
        timeouts = heliograph.Timeouts(attempt_s=60, gap_s=0.01)
        async with alice(server, timeouts=timeouts) as (client, account, reader):
            server.faults[m.GetDifference] += [b'{"kind":"new kind"}']
            server.copies = lambda pts: 0
            server.mark(account, 1)
            server.connection.send(b'{"pts":1}')
            await everything(client, account, reader)
            assert server.opened == 2

    run(test)


def test_garbage_ends_the_connection() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, account, reader):
            server.connection.send(b"{garbage")
            await server.until(lambda: server.opened == 2)
            server.mark(account, 1)
            await everything(client, account, reader)

    run(test)


# --- calls that are special when repeated -------------------------------------------------------


@pytest.mark.parametrize("fault", [LOST_AFTER, 502, ApiError("unavailable")])
def test_a_registration_whose_answer_was_lost_logs_in(fault: Fault) -> None:
    async def test(server: Server) -> None:
        if fault != LOST_AFTER:
            server.account("alice")  # the proxy gave up; the server did not
        server.faults[m.Register].append(fault)
        async with client_of(server) as client:
            assert (await client.register("alice", PASSWORD)).username == "alice"
            assert [type(params) for _, params in server.asked[:3]] == [
                m.Register,
                m.Register,
                m.Login,
            ]

    run(test)


@pytest.mark.parametrize("faults", [[], [LOST_BEFORE]])
def test_a_name_that_somebody_else_has_is_taken(faults: list[Fault]) -> None:
    async def test(server: Server) -> None:
        server.account("alice", "another password")
        server.faults[m.Register] += faults
        async with client_of(server) as client:
            with pytest.raises(heliograph.ApiError, match="username_taken"):
                await client.register("alice", PASSWORD)
            assert len(server.calls(m.Login)) == len(faults)

    run(test)


@pytest.mark.parametrize("fault", [LOST_AFTER, 504, ApiError("unavailable")])
def test_a_login_is_not_repeated(fault: Fault) -> None:
    async def test(server: Server) -> None:
        server.account("alice")
        server.faults[m.Login].append(fault)
        async with client_of(server) as client:
            with pytest.raises((heliograph.ConnectionLost, heliograph.ApiError)):
                await client.login("alice", PASSWORD)
            assert len(server.calls(m.Login)) == 1

    run(test)


def test_a_login_that_nobody_saw_is_repeated() -> None:
    async def test(server: Server) -> None:
        server.account("alice")
        server.faults[m.Login] += [503, ApiError("overloaded")]
        async with client_of(server) as client:
            assert (await client.login("alice", PASSWORD)).username == "alice"

    run(test)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (m.EndSession(7), "session_not_found"),
        (m.LeaveGroup("g1"), "chat_not_found"),
        (m.RemoveMember("g1", 2), "not_member"),
    ],
)
def test_refused_because_the_first_attempt_succeeded(params: m.Params, code: str) -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            server.faults[type(params)] += [LOST_BEFORE, ApiError(code), ApiError(code)]
            assert await client.call(params) == t.Ok()
            with pytest.raises(heliograph.ApiError, match=code):
                await client.call(params)

    run(test)


def test_handing_over_a_group_is_not_repeated() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            server.faults[m.TransferOwnership] += [LOST_BEFORE]
            with pytest.raises(heliograph.ConnectionLost):
                await client.transfer_ownership("g1", 2)

    run(test)


def test_what_is_not_a_heliograph_server() -> None:
    async def test(server: Server) -> None:
        server.faults[m.Login] += [404]
        async with client_of(server) as client:
            with pytest.raises(heliograph.ProtocolError, match="is the address right"):
                await client.login("alice", PASSWORD)

    run(test)


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
        if params.after_id is not None:
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
    dialogs = [t.Dialog(f"g{number}", 1, 1) for number in range(1, 251)]

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
