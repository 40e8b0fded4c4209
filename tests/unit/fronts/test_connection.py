"""A live connection: what a client may say, and the code with which it is closed for too much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from actors import addresses
from actors.user.state import ONLINE_MS_MAX
from api import limits
from api import methods as m
from api.frames import Close
from fronts.connection import HELLO_LOOK_S, KEEP_ALIVE_S
from tests.unit.fronts.kit import Client, Person, Server, settled, turns_of_the_loop
from tests.unit.runtime.fake_time import run


def on_server(test: Callable[[Server], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Server() as server:
            await test(server)

    run(main)


async def connected(server: Server, person: Person) -> Client:
    client = Client(server.gateway)
    await client.hello(person)
    return client


async def is_online(server: Server, person: Person, seen_by: Person) -> bool:
    found = await server.call(seen_by, m.GetUsers([person.id]))
    (user,) = found.users
    return bool(user.status.online)


# --- hello and requests -----------------------------------------------------------------------


def test_hello_tells_the_state_and_requests_are_answered() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        await server.call(alice, m.UpdateProfile(bio="hello"))
        client = Client(server.gateway)
        assert await client.hello(alice) == {
            "user_id": alice.id,
            "session_id": alice.caller.session_id,
            "pts": 1,
            "heartbeat_s": limits.HEARTBEAT_S,
        }
        simple, completed = client.request(m.GetMe()), client.request(m.ResolveUsername("alice"))
        assert (await client.answer(simple))["bio"] == "hello"
        assert (await client.answer(completed))["id"] == alice.id

    on_server(test)


def test_updates_are_pushed_from_hello_on_but_not_to_the_connection_that_made_them() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        chat = await server.private(alice, bob)
        hers, other, his = [await connected(server, who) for who in (alice, alice, bob)]
        sent = await hers.ask(m.SendMessage(chat, "hi", 9))
        assert (sent["id"], sent["pts"]) == (1, 1)
        await settled()
        assert [f for f in hers.unasked() if "pts" in f] == []
        (seen,) = [frame for frame in other.unasked() if "pts" in frame]
        assert seen["pts"] == 1
        assert seen["update"]["message"]["random_id"] == 9
        (seen,) = [frame for frame in his.unasked() if "pts" in frame]
        assert (seen["pts"], seen["update"]["message"]["text"]) == (1, "hi")

    on_server(test)


def test_methods_for_everybody_and_heartbeats_are_answered_once_hello_is_said() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        client = Client(server.gateway)
        hello = client.request(m.SayHello(alice.token))
        assert "limits" in await client.ask(m.GetLimits())
        client.say({"ping": 5})
        assert client.unasked() == [{"pong": 5}]
        assert (await client.answer(hello))["user_id"] == alice.id

    on_server(test)


@pytest.mark.parametrize(
    "frame",
    [
        {"id": 1, "method": "users.me"},
        {"id": 1, "method": "users.resolve", "params": {"username": "alice"}},
        {"id": 1, "method": "help.limits"},
        {"ack": 1},
        {"ping": 1},
    ],
    ids=["simple", "completed", "for everybody", "ack", "ping"],
)
def test_who_has_not_said_hello_is_asked_to(frame: object) -> None:
    async def test(server: Server) -> None:
        client = Client(server.gateway)
        client.say(frame)
        assert client.socket.close_code == Close.HELLO_EXPECTED
        assert client.socket.frames == []

    on_server(test)


def test_a_request_while_hello_is_on_its_way_is_too_early() -> None:
    async def test(server: Server) -> None:
        client = Client(server.gateway)
        client.request(m.SayHello((await server.register("alice")).token))
        client.request(m.GetMe())
        assert client.socket.close_code == Close.HELLO_EXPECTED

    on_server(test)


@pytest.mark.parametrize("token", ["nonsense", "forged", "ended"])
def test_hello_with_a_token_that_is_not_valid_is_refused_and_the_connection_closed(
    token: str,
) -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        forged = f"{alice.id:x}.{alice.caller.session_id:x}.{bob.token.split('.')[2]}"
        ended = await server.log_in(alice)
        await server.call(ended, m.Logout())
        said = {"nonsense": token, "forged": forged, "ended": ended.token}[token]
        client = Client(server.gateway)
        assert (await client.ask(m.SayHello(said)))["code"] == "unauthorized"
        assert client.socket.close_code == Close.SESSION_ENDED
        assert server.gateway.connections.by_number == {}

    on_server(test)


def test_hello_is_said_once_and_may_be_said_again_after_wrong_parameters() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        client = Client(server.gateway)
        assert (await client.ask(m.SayHello("x" * 1_000)))["code"] == "invalid_params"
        first, second = (client.request(m.SayHello(alice.token)) for _ in range(2))
        assert (await client.answer(second))["code"] == "bad_request"
        assert (await client.answer(first))["user_id"] == alice.id
        assert (await client.ask(m.SayHello(alice.token)))["code"] == "bad_request"
        assert (await client.ask(m.GetMe()))["id"] == alice.id

    on_server(test)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"id": 7, "method": "no.such"}, "unknown_method"),
        ({"id": 7, "method": "auth.login", "params": {}}, "unknown_method"),
        ({"id": 7, "method": "updates.poll", "params": {"pts": 0}}, "unknown_method"),
        ({"id": 7, "method": "users.me", "params": {"x": 1}}, "invalid_params"),
        ({"id": 7, "method": "messages.send"}, "invalid_params"),
        ({"id": 7, "method": "messages.history", "params": {"chat_id": "p2-1"}}, "chat_not_found"),
        ({"id": 7, "method": "users.resolve", "params": {"username": "nobody"}}, "user_not_found"),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_connection_stays(frame: object, code: str) -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))
        client.say(frame)
        assert (await client.answer(7))["code"] == code
        assert "id" in await client.ask(m.GetMe())

    on_server(test)


def test_a_failure_is_answered_as_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))

        async def broken(*_: object) -> bytes:
            raise ZeroDivisionError

        monkeypatch.setattr(server.gateway, "call", broken)
        assert (await client.ask(m.ResolveUsername("alice")))["code"] == "internal"

    on_server(test)


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"[]",
        b"[" * 60_000,
        b'{"method": "users.me"}',
        b'{"id": 1}',
        b"{}",
        b'{"ping": 1, "extra": 1}',
        b'{"id": -1, "method": "users.me"}',
        b'{"ack": 9007199254740992}',
        b'{"ack": 1.5}',
    ],
    ids=lambda frame: frame[:24].decode(errors="replace"),
)
def test_what_is_no_frame_ends_the_connection(frame: bytes) -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))
        client.say(frame)
        assert client.socket.close_code == Close.BAD_FRAME
        assert client.socket.reason.startswith(("not a frame: ", "a frame holds "))

    on_server(test)


def test_a_long_reason_is_cut() -> None:
    async def test(server: Server) -> None:
        client = Client(server.gateway)
        client.connection.close(Close.GOING_AWAY, "x" * 500)
        assert client.socket.reason == "x" * 120, "more does not fit a close frame"

    on_server(test)


def test_a_flood_ends_the_connection_and_a_burst_does_not() -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))

        def pings(count: int) -> int:
            for _ in range(count):
                client.say({"ping": 1})
            return client.socket.close_code

        assert pings(limits.FRAMES_BURST_MAX - 1) == 0, "hello was one"
        client.now_s += 0.5
        assert pings(limits.FRAMES_PER_SECOND_MAX // 2) == 0
        client.now_s += 3600
        assert pings(limits.FRAMES_BURST_MAX) == 0, "what was saved up, and no more"
        assert pings(1) == Close.FLOOD

    on_server(test)


def test_frames_without_text_count_as_frames() -> None:
    async def test(server: Server) -> None:
        client = Client(server.gateway)
        heard = [client.connection.heard(0.0) for _ in range(limits.FRAMES_BURST_MAX + 2)]
        assert heard == [True] * limits.FRAMES_BURST_MAX + [False] * 2
        assert client.socket.close_code == Close.FLOOD

    on_server(test)


def test_silence_before_and_after_hello_ends_the_connection() -> None:
    async def test(server: Server) -> None:
        silent = Client(server.gateway)
        assert silent.connection.tick(0.0) == limits.HELLO_DEADLINE_S
        assert silent.connection.tick(limits.HELLO_DEADLINE_S - 0.5) == 0.5
        assert not silent.socket.close_code
        silent.connection.tick(limits.HELLO_DEADLINE_S)
        assert silent.socket.close_code == Close.HELLO_EXPECTED

        client = await connected(server, await server.register("alice"))
        assert client.connection.tick(0.0) == limits.CONNECTION_SILENCE_S_MAX
        client.now_s = limits.CONNECTION_SILENCE_S_MAX - 1
        client.say({"ping": 1})
        due_s = client.connection.tick(limits.CONNECTION_SILENCE_S_MAX)
        assert due_s == limits.CONNECTION_SILENCE_S_MAX - 1
        client.connection.tick(2 * limits.CONNECTION_SILENCE_S_MAX - 2)
        assert not client.socket.close_code
        client.connection.tick(2 * limits.CONNECTION_SILENCE_S_MAX - 1)
        assert client.socket.close_code == Close.SILENT

    on_server(test)


def test_hello_that_fails_late_is_noticed() -> None:
    """The deadline passes while hello is on its way to a host that is down."""

    async def test(server: Server) -> None:
        alice = await server.register("alice")
        server.kill()
        client = Client(server.gateway)
        hello = client.request(m.SayHello(alice.token))
        assert client.connection.tick(limits.HELLO_DEADLINE_S + 1.0) == HELLO_LOOK_S
        assert (await client.answer(hello))["code"] == "unavailable"
        client.connection.tick(limits.REQUEST_DEADLINE_S + 1.0)
        assert client.socket.close_code == Close.HELLO_EXPECTED

    on_server(test)


@pytest.mark.parametrize("what", ["answer", "push", "pong"])
def test_who_does_not_read_is_closed_and_nothing_is_sent_after(what: str) -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        client = await connected(server, alice)
        client.socket.waiting_bytes = limits.SEND_BUFFER_BYTES_MAX
        client.say({"ping": 1})
        assert not client.socket.close_code, "so much may wait"
        client.socket.waiting_bytes += 1
        if what == "answer":
            client.request(m.GetMe())
        elif what == "push":
            await server.call(alice, m.UpdateProfile(bio="new"))
        else:
            client.say({"ping": 2})
        assert await client.closed() == Close.TOO_SLOW
        seen = len(client.socket.frames)
        await server.call(alice, m.UpdateProfile(bio="newer"))
        client.say({"ping": 3})
        client.connection.close(Close.GOING_AWAY)
        await settled()
        assert len(client.socket.frames) == seen
        assert client.socket.close_code == Close.TOO_SLOW

    on_server(test)


@pytest.mark.parametrize(
    ("params", "limit"),
    [
        (m.UpdateProfile(bio="new"), limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX),
        (m.SetUsername("alice"), limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX),
        (m.GetMe(), limits.READS_IN_FLIGHT_PER_CONNECTION_MAX),
        (m.ResolveUsername("alice"), limits.READS_IN_FLIGHT_PER_CONNECTION_MAX),
    ],
    ids=str,
)
def test_requests_without_an_answer_are_bounded(params: m.Params, limit: int) -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))
        for _ in range(2):
            numbers = [client.request(params) for _ in range(limit)]
            over = client.request(params)
            assert (await client.answer(over))["code"] == "overloaded"
            for number in numbers:
                assert "id" in await client.answer(number)
        refused = [client.request(m.GetHistory("p2-1", limit=0)) for _ in range(2 * limit)]
        for number in refused:
            assert (await client.answer(number))["code"] == "invalid_params"
        assert "id" in await client.ask(params)

    on_server(test)


def test_who_has_much_to_read_may_write_and_not_ask_for_more() -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))
        client.socket.waiting_bytes = limits.SEND_BUFFER_BYTES_MAX // 2 + 1
        assert (await client.ask(m.GetMe()))["code"] == "overloaded"
        assert "id" in await client.ask(m.UpdateProfile(bio="new"))
        client.socket.waiting_bytes -= 1
        assert "id" in await client.ask(m.GetMe())

    on_server(test)


# --- acknowledgements, several devices --------------------------------------------------------


def test_an_acknowledgement_is_told_to_the_sender_and_not_answered() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        chat = await server.private(alice, bob)
        sent = await server.send(alice, chat, "hi")
        client = await connected(server, bob)
        client.say({"ack": 1})
        await settled()
        assert client.unasked() == []
        difference = await server.call(alice, m.GetDifference(sent.pts))
        (delivered,) = difference.updates
        assert (delivered.update.max_id, delivered.update.user_id) == (1, bob.id)

    on_server(test)


def test_a_session_is_online_until_the_last_of_its_connections_is_lost() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        one, two = [await connected(server, alice) for _ in range(2)]
        await server.call(alice, m.UpdateProfile(bio="both see it"))
        assert len(await one.told(1)) == len(await two.told(1)) == 1
        one.connection.lost()
        await server.call(alice, m.UpdateProfile(bio="one sees it"))
        assert [frame["pts"] for frame in await two.told(2)] == [1, 2]
        assert len(one.unasked()) == 1
        assert await is_online(server, alice, bob)
        two.connection.lost()
        await settled()
        assert not await is_online(server, alice, bob)
        assert server.gateway.connections.by_number == {}

    on_server(test)


def test_too_many_connections_of_a_session_send_the_oldest_away() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        first, *others = [
            await connected(server, alice) for _ in range(limits.CONNECTIONS_PER_SESSION_MAX + 1)
        ]
        assert await first.closed() == Close.TOO_MANY
        assert str(limits.CONNECTIONS_PER_SESSION_MAX) in first.socket.reason
        first.connection.lost()
        await server.call(alice, m.UpdateProfile(bio="all but the first"))
        for client in others:
            assert len(await client.told(1)) == 1

    on_server(test)


@pytest.mark.parametrize("dies", [False, True], ids=["", "and the host dies"])
@pytest.mark.parametrize("turns", range(12))
def test_a_connection_lost_while_hello_is_on_its_way_is_not_left_attached(
    turns: int, dies: bool
) -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        client = Client(server.gateway)
        client.request(m.SayHello(alice.token))
        await turns_of_the_loop(turns)
        if dies:
            server.restart()
        client.connection.lost()
        await settled()
        assert not await is_online(server, alice, bob)

    on_server(test)


# --- a host in a new life, sessions that end --------------------------------------------------


def test_a_host_in_a_new_life_is_attached_to_again_and_tells_where_the_mailbox_is() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        await server.call(alice, m.UpdateProfile(bio="one"))
        client = await connected(server, alice)
        server.restart()
        assert await client.told(1) == [{"pts": 1}]
        assert await is_online(server, alice, bob)
        await server.call(alice, m.UpdateProfile(bio="two"))
        assert [frame["pts"] for frame in await client.told(2)] == [1, 2]

    on_server(test)


def test_a_connection_is_attached_again_once_however_often_streams_are_opened_meanwhile() -> None:
    """Or the requests of all connections would be too many for the link."""

    async def test(server: Server) -> None:
        alice = await server.register("alice")
        client = await connected(server, alice)
        link = server.gateway.link(addresses.user(alice.id))
        for count in range(1, 3):
            for _ in range(3):
                server.gateway._renewed(link)
            assert link.queued == 1
            await settled()
            assert len(client.socket.frames) == 1 + count

    on_server(test)


def test_requests_outlive_a_host() -> None:
    async def test(server: Server) -> None:
        client = await connected(server, await server.register("alice"))
        server.kill()
        numbers = [client.request(m.UpdateProfile(bio="new")), client.request(m.GetMe())]
        await settled()
        assert client.socket.frames[1:] == []
        server.start()
        for number in numbers:
            assert (await client.answer(number))["id"]

    on_server(test)


def test_a_session_that_ends_closes_its_connections() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        second = await server.log_in(alice)
        clients = [await connected(server, who) for who in (alice, second, second)]
        await server.call(alice, m.EndOtherSessions())
        for client in clients[1:]:
            assert await client.closed() == Close.SESSION_ENDED
        assert "id" in await clients[0].ask(m.GetMe())
        await clients[0].ask(m.Logout())
        assert await clients[0].closed() == Close.SESSION_ENDED

    on_server(test)


def test_a_session_that_ended_while_its_host_was_reached_anew_is_closed() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        client = await connected(server, alice)
        other = await server.front()
        server.restart()
        await other.call(m.Logout(), alice.caller)
        assert await client.closed() == Close.SESSION_ENDED

    on_server(test)


def test_a_connection_keeps_itself_in_mind() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        client = await connected(server, alice)

        async def online_after(now_s: float) -> bool:
            server.now_ms += ONLINE_MS_MAX
            client.now_s = now_s
            client.say({"ping": 1})
            client.connection.tick(now_s)
            await settled()
            return await is_online(server, alice, bob)

        assert not await online_after(KEEP_ALIVE_S - 1)
        assert await online_after(KEEP_ALIVE_S)
        assert not await online_after(2 * KEEP_ALIVE_S - 1), "not more often than needed"
        assert await online_after(2 * KEEP_ALIVE_S)

    on_server(test)
