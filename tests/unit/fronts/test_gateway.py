"""The gateway: every method reaches who carries it out, and what takes several actors is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors import addresses
from actors.kinds import KINDS
from api import limits
from api import methods as m
from fronts.completed import COMPLETED
from runtime import link
from runtime.refs import EXEMPT
from tests.unit.fronts.kit import (
    CONFIG,
    Client,
    Person,
    Server,
    on_server,
    refused,
    settled,
)
from tests.unit.runtime.fake_time import fake_loop

BY_FRONTS = {m.Register, m.Login, m.ChangePassword, m.FinishUpload}
"""What the HTTP front has services for."""


def test_every_method_has_one_way() -> None:
    """And who it goes to takes it."""
    kinds = KINDS.values()
    taken = {message for kind in kinds for message in (*kind.handlers, *kind.readers)}
    for method in m.METHODS.values():
        assert (method.params in COMPLETED) == (method.to == "gateway"), method
        assert (method.params in BY_FRONTS) == (method.to in ("auth", "files")), method
        if method.to in ("user", "session", "chat", "group"):
            assert method.params in taken, method


SAMPLES: dict[str, Callable[[Person, str, str], m.Params]] = {
    "auth.logout": lambda bob, chat, group: m.Logout(),
    "auth.sessions": lambda bob, chat, group: m.GetSessions(),
    "auth.end_other_sessions": lambda bob, chat, group: m.EndOtherSessions(),
    "help.limits": lambda bob, chat, group: m.GetLimits(),
    "help.config": lambda bob, chat, group: m.GetConfig(),
    "users.me": lambda bob, chat, group: m.GetMe(),
    "users.get": lambda bob, chat, group: m.GetUsers([bob.id]),
    "users.resolve": lambda bob, chat, group: m.ResolveUsername("Bobby"),
    "users.update_profile": lambda bob, chat, group: m.UpdateProfile("Al"),
    "users.set_username": lambda bob, chat, group: m.SetUsername("alice2"),
    "users.set_photo": lambda bob, chat, group: m.SetPhoto(),
    "contacts.add": lambda bob, chat, group: m.AddContact(bob.id, "Bob"),
    "contacts.remove": lambda bob, chat, group: m.RemoveContact(bob.id),
    "contacts.list": lambda bob, chat, group: m.GetContacts(),
    "contacts.block": lambda bob, chat, group: m.Block(bob.id),
    "contacts.unblock": lambda bob, chat, group: m.Unblock(bob.id),
    "contacts.blocked": lambda bob, chat, group: m.GetBlocked(),
    "chats.open_private": lambda bob, chat, group: m.OpenPrivate(bob.id),
    "chats.create_group": lambda bob, chat, group: m.CreateGroup("More", 2, [bob.id]),
    "chats.get": lambda bob, chat, group: m.GetChat(group),
    "chats.add_member": lambda bob, chat, group: m.AddMember(group, bob.id),
    "chats.remove_member": lambda bob, chat, group: m.RemoveMember(group, bob.id),
    "chats.rename": lambda bob, chat, group: m.RenameGroup(group, "Other"),
    "chats.set_member_rights": lambda bob, chat, group: m.SetMemberRights(group, False),
    "chats.set_description": lambda bob, chat, group: m.SetDescription(group, "About"),
    "chats.set_photo": lambda bob, chat, group: m.SetChatPhoto(group),
    "chats.set_admin": lambda bob, chat, group: m.SetAdmin(group, bob.id, True),
    "chats.transfer_ownership": lambda bob, chat, group: m.TransferOwnership(group, bob.id),
    "chats.dialogs": lambda bob, chat, group: m.GetDialogs(),
    "messages.send": lambda bob, chat, group: m.SendMessage(chat, "hi", 5),
    "messages.history": lambda bob, chat, group: m.GetHistory(chat),
    "messages.get": lambda bob, chat, group: m.GetMessages(chat, [1]),
    "messages.edit": lambda bob, chat, group: m.EditMessage(chat, 1, "hello"),
    "messages.delete": lambda bob, chat, group: m.DeleteMessages(chat, [1], for_all=True),
    "messages.forward": lambda bob, chat, group: m.ForwardMessages(chat, [1], group, [6]),
    "messages.read": lambda bob, chat, group: m.MarkRead(group, 1),
    "messages.typing": lambda bob, chat, group: m.SetTyping(chat),
    "media.begin": lambda bob, chat, group: m.BeginUpload(1, 5),
    "media.cancel": lambda bob, chat, group: m.CancelUpload(1),
    "updates.state": lambda bob, chat, group: m.GetState(),
    "updates.difference": lambda bob, chat, group: m.GetDifference(0),
    "updates.poll": lambda bob, chat, group: m.Poll(0),
    "updates.ack": lambda bob, chat, group: m.Ack(1),
}
REFUSED: dict[str, tuple[Callable[[str], m.Params], str]] = {
    "auth.end_session": (lambda group: m.EndSession(1), "session_not_found"),
    "chats.leave": (m.LeaveGroup, "forbidden"),
    "media.upload": (lambda group: m.GetUpload(1), "upload_not_found"),
    "media.link": (lambda group: m.GetLink(group, 1), "media_not_found"),
}
"""Methods that alice, who owns a group and has one session, can not call, and what is said."""


@pytest.mark.parametrize(
    "placed",
    [{}, {"hosts": 2}, {"dedicated": ("chat",)}, {"dedicated": ("session",)}],
    ids=str,
)
def test_every_method_is_carried_out_at_once_by_a_front_that_is_new(placed: dict[str, Any]) -> None:
    names = {method.name for method in m.METHODS.values() if method.params not in BY_FRONTS}
    assert {*SAMPLES, *REFUSED, "session.hello"} == names
    late: list[str] = []

    async def call(server: Server, who: Person, params: m.Params) -> Any:
        """By a front that no host has heard of; what was answered late is noted."""
        begun_s = fake_loop().time()
        front = await server.front()
        try:
            return await server.call(who, params, front)
        finally:
            if fake_loop().time() > begun_s:
                late.append(params.method.name)

    async def test(server: Server) -> None:
        bob = await server.register("bobby")
        for number, (name, sample) in enumerate(SAMPLES.items()):
            alice = await server.register(f"alice_{number}")
            chat = await server.private(alice, bob)
            created = await server.call(alice, m.CreateGroup("Group", 1, [bob.id]))
            await settled()
            await server.send(alice, chat, "hi")
            params = sample(bob, chat, created.id)
            assert params.method.name == name
            assert isinstance(await call(server, alice, params), params.method.result), name
        alice = await server.register("alice")
        created = await server.call(alice, m.CreateGroup("Group", 1, [bob.id]))
        await settled()
        for make, code in REFUSED.values():
            assert await refused(call(server, alice, make(created.id))) == code
        client = Client(await server.front())
        assert (await client.hello(alice)).get("user_id") == alice.id
        assert late == []

    on_server(test, **placed)


def test_what_the_server_is_told_by_its_configuration() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        assert await server.call(alice, m.GetConfig()) == CONFIG
        table = await server.call(alice, m.GetLimits())
        assert table.limits["text_chars_max"] == limits.TEXT_CHARS_MAX

    on_server(test)


def test_a_chat_id_out_of_its_normal_form_is_no_chat() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        low, high = sorted((alice.id, bob.id))
        assert await server.private(alice, bob) == f"p{low}-{high}"
        for chat_id in (f"p{high}-{low}", f"p{low}-{10**15 * 9 + 10**15 // 2}"):
            assert await refused(server.call(alice, m.GetHistory(chat_id))) == "chat_not_found"

    on_server(test)


@pytest.mark.parametrize("hosts", [1, 2])
def test_messages_are_forwarded_once_and_in_order(hosts: int) -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        carol = await server.register("carol")
        chat, other = await server.private(alice, bob), await server.private(bob, carol)
        for text in ("one", "two", "three"):
            await server.send(alice, chat, text)
        params = m.ForwardMessages(chat, [3, 1], other, [11, 12])
        done = await server.call(bob, params)
        assert [sent.id for sent in done.sent] == [1, 2]
        page = await server.call(carol, m.GetHistory(other))
        assert [(one.text, one.from_id, one.forward.from_id) for one in page.messages] == [
            ("three", bob.id, alice.id),
            ("one", bob.id, alice.id),
        ]
        # What was done is answered again, also when it comes from nowhere any more.
        await server.call(alice, m.DeleteMessages(chat, [1], for_all=True))
        again = await server.call(bob, params)
        assert [(sent.id, sent.date_ms) for sent in again.sent] == [
            (sent.id, sent.date_ms) for sent in done.sent
        ]
        on = await server.call(carol, m.ForwardMessages(other, [1], other, [13]))
        (last,) = (await server.call(bob, m.GetMessages(other, [on.sent[0].id]))).messages
        assert (last.forward.from_id, last.from_id) == (alice.id, carol.id)
        for refusing, code in (
            (m.ForwardMessages(chat, [1], other, [14]), "message_not_found"),
            (m.ForwardMessages(chat, [2, 1], other, [15, 16]), "message_not_found"),
            (m.ForwardMessages(chat, [2, 3], other, [17]), "invalid_params"),
            (m.ForwardMessages(chat, [2, 3], other, [17, 17]), "invalid_params"),
            (m.ForwardMessages(chat, [2], "g5", [18]), "chat_not_found"),
        ):
            assert await refused(server.call(bob, refusing)) == code
        assert await refused(server.call(carol, m.ForwardMessages(chat, [2], other, [19]))) == (
            "chat_not_found"
        )
        assert len((await server.call(bob, m.GetHistory(other))).messages) == 3

    on_server(test, hosts=hosts)


def test_a_token_is_good_until_its_session_ends() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        assert await server.gateway.authenticate(alice.token, EXEMPT) == alice.caller
        secret = bob.token.rpartition(".")[2]
        for wrong in ("x", f"{alice.id:x}.{alice.caller.session_id:x}.{secret}", f"1.1.{secret}"):
            assert await refused(server.gateway.authenticate(wrong)) == "unauthorized"
        await server.call(alice, m.Logout())
        assert await refused(server.gateway.authenticate(alice.token)) == "unauthorized"
        assert await server.gateway.authenticate(bob.token, EXEMPT) == bob.caller

    on_server(test)


def test_a_host_that_is_down_is_said_to_be_unavailable_and_used_again_when_it_is_up() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        assert await server.gateway.ping_hosts() == [True]
        server.kill()
        await settled()
        assert await server.gateway.ping_hosts() == [False]
        asked = server.gateway.ask(
            addresses.user(alice.id), m.GetMe(), alice.caller, deadline_s=2.0
        )
        assert await refused(asked) == "unavailable"
        assert await refused(server.call(alice, m.GetDialogs())) == "unavailable"
        server.start()
        await server.gateway.ready()
        assert (await server.call(alice, m.GetMe())).id == alice.id
        assert await server.gateway.ping_hosts() == [True]
        assert server.gateway.queued == 0

    on_server(test)


def test_more_than_fits_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        monkeypatch.setattr(link, "QUEUED_REQUESTS_MAX", 3)
        fitting = [asyncio.create_task(server.call(alice, m.GetMe())) for _ in range(3)]
        over = asyncio.create_task(server.call(alice, m.GetMe()))
        assert await refused(over) == "overloaded"
        assert {(await task).id for task in fitting} == {alice.id}

    on_server(test)
