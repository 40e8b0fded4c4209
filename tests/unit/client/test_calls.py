"""Calls: refused, lost, repeated."""

from __future__ import annotations

import asyncio

import pytest

import heliograph
from api import methods as m
from api import types as t
from api.errors import ApiError
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
    LOST_BEFORE,
    NEVER,
    NEVER_AFTER,
    Fault,
    Server,
)

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


def test_what_was_done_too_often_is_waited_for_beyond_the_deadline() -> None:
    async def test(server: Server) -> None:
        timeouts = heliograph.Timeouts(call_s=1.0, flood_s=5.0)
        told: list[tuple[str, float]] = []

        def tell(error: ApiError, wait_s: float) -> None:
            told.append((error.code, wait_s))

        async with client_of(server, live=False, timeouts=timeouts, on_wait=tell) as client:
            await client.register("alice", PASSWORD)
            server.faults[m.GetMe] += [ApiError("flood", retry_after=s) for s in (2.0, 2.5)]
            server.faults[m.GetMe].append(ApiError("overloaded", retry_after=0.1))
            assert (await client.me()).id == 1
            assert told == [("flood", 2.0), ("flood", 2.5)]
            server.faults[m.GetMe] += [ApiError("flood", retry_after=s) for s in (3.0, 2.5)]
            with pytest.raises(heliograph.ApiError, match="flood"):
                await client.me()
            server.faults[m.GetMe].append(ApiError("flood", retry_after=2.0))
            with pytest.raises(heliograph.ApiError, match="flood"):
                await client.call(m.GetMe(), timeout_s=1.0)
            server.faults[m.Login].append(ApiError("flood", retry_after=2.0))
            with pytest.raises(heliograph.ApiError, match="flood"):
                await client.login("alice", PASSWORD)
            assert told[2:] == [("flood", 3.0)], "and nobody is told to wait for what is refused"

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


@pytest.mark.parametrize("live", [True, False], ids=["live", "http"])
def test_a_server_that_is_older_than_the_client_is_told_so(live: bool) -> None:
    async def test(server: Server) -> None:
        async with client_of(server, live=live) as client:
            await client.register("alice", PASSWORD)
            if live:
                await client.connected()
            server.faults[m.EditMessage].append(ApiError("unknown_method", "there is no method"))
            with pytest.raises(ApiError, match="older than the client"):
                await client.edit(CHAT, 1, "new")
            assert len(server.calls(m.EditMessage)) == 1

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


def test_oneself_is_not_removed_also_where_an_answer_was_lost() -> None:
    async def test(server: Server) -> None:
        async with alice(server) as (client, _, _):
            oneself = m.RemoveMember("g1", client.user_id)
            server.faults[m.RemoveMember] += [LOST_BEFORE, ApiError("not_member")]
            with pytest.raises(heliograph.ApiError, match="not_member"):
                await client.call(oneself)
            assert len(server.calls(m.RemoveMember)) == 2

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
