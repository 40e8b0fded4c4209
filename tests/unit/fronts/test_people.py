"""Users as others find them: by id and by name, seen or blocked."""

from __future__ import annotations

import asyncio

import pytest

from actors import addresses
from api import methods as m
from api import types as t
from api.errors import ApiError
from tests.unit.fronts.kit import (
    NOBODY_ID,
    Client,
    Person,
    Server,
    on_server,
    refused,
    settled,
)


def test_users_come_in_the_order_asked_for_without_unknown_ones() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        asked = [bob.id, NOBODY_ID, alice.id, bob.id]
        found = await server.call(alice, m.GetUsers(asked))
        assert [user.username for user in found.users] == ["bobby", "alice"]

    on_server(test)


def test_users_are_not_left_out_because_their_host_does_not_answer() -> None:
    async def test(server: Server) -> None:
        people = [await server.register(f"person_{number}") for number in range(12)]
        homes = {server.placement.home(addresses.user(person.id)) for person in people}
        assert homes == {"host-0", "host-1"}
        server.kill("host-1")
        asked = m.GetUsers([person.id for person in people])
        assert await refused(server.call(people[0], asked)) == "unavailable"
        server.start("host-1")
        assert len((await server.call(people[0], asked)).users) == len(people)

    on_server(test, hosts=2)


def test_who_blocks_somebody_is_not_seen_online_by_them() -> None:
    async def test(server: Server) -> None:
        alice, bob, eve = [await server.register(name) for name in ("alice", "bobby", "evelyn")]
        client = Client(server.gateway)
        await client.hello(alice)
        chat = await server.private(alice, eve)
        await server.call(alice, m.Block(eve.id))

        async def seen(who: Person) -> t.User:
            (user,) = (await server.call(who, m.GetUsers([alice.id]))).users
            assert user == await server.call(who, m.ResolveUsername("alice"))
            return user  # type: ignore[no-any-return]

        assert (await seen(bob)).status == t.Status(True, server.now_ms)
        assert (await seen(eve)).status is None
        await settled()
        assert await refused(server.send(eve, chat, "hi")) == "blocked"
        assert (await server.call(alice, m.GetBlocked())).user_ids == [eve.id]
        await server.call(alice, m.Unblock(eve.id))
        assert (await seen(eve)).status is not None
        await settled()
        assert (await server.send(eve, chat, "hi")).id == 1

    on_server(test, hosts=2)


@pytest.mark.parametrize("params", [m.AddContact(NOBODY_ID), m.Block(NOBODY_ID)])
def test_what_concerns_nobody_changes_nothing(params: m.Params) -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        assert await refused(server.call(alice, params)) == "user_not_found"
        assert (await server.call(alice, m.GetState())).pts == 0
        assert await refused(server.call(alice, m.Block(alice.id))) == "forbidden"

    on_server(test)


def test_a_user_name_is_held_by_one_and_free_when_given_back() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        taken = server.call(bob, m.SetUsername("ALICE"))
        assert await refused(taken) == "username_taken"
        assert (await server.call(alice, m.SetUsername("Alice"))).username == "Alice"
        assert (await server.call(alice, m.SetUsername("wonder"))).username == "wonder"
        await settled()
        assert await refused(server.call(bob, m.ResolveUsername("alice"))) == "user_not_found"
        assert (await server.call(bob, m.ResolveUsername("WONDER"))).id == alice.id
        assert (await server.call(bob, m.SetUsername("alice"))).id == bob.id
        both = [server.call(who, m.SetUsername("both_want")) for who in (alice, bob)]
        results = await asyncio.gather(*both, return_exceptions=True)
        assert {type(result) for result in results} == {ApiError, t.User}

    on_server(test, hosts=2)
