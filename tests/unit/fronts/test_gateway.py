"""The gateway: every method reaches who carries it out, and what takes several actors is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from actors import addresses
from actors.kinds import KINDS
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from fronts.completed import COMPLETED
from fronts.gateway import Gateway
from runtime import link
from runtime.refs import EXEMPT
from tests.unit.fronts.kit import (
    CONFIG,
    Client,
    Person,
    Server,
    refused,
    settled,
    turns_of_the_loop,
)
from tests.unit.runtime.fake_time import fake_loop, run

BY_FRONTS = {m.Register, m.Login, m.ChangePassword, m.FinishUpload}
"""What the HTTP front has services for."""
NOBODY_ID = 2**50


def on_server(test: Callable[[Server], Awaitable[None]], **options: Any) -> None:
    thread_s = options.pop("thread_s", 0.0)

    async def main() -> None:
        fake_loop().thread_s = lambda: thread_s
        async with Server(**options) as server:
            await test(server)

    run(main)


# --- every method -----------------------------------------------------------------------------


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


# --- users ------------------------------------------------------------------------------------


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


# --- dialogs and differences ------------------------------------------------------------------


def test_dialogs_come_with_their_top_messages_latest_first_in_pages() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        chats = []
        for number in range(5):
            server.now_ms += 1
            other = await server.register(f"other_{number}")
            chats.append(await server.private(alice, other))
            await server.send(alice, chats[-1], f"first {number}")
            await server.send(other, chats[-1], f"last {number}")
        await settled()
        page = await server.call(alice, m.GetDialogs(limit=3))
        rest = await server.call(alice, m.GetDialogs(offset=page.next_offset, limit=3))
        assert (len(page.dialogs), rest.next_offset, page.pts) == (3, 0, 10)
        dialogs = page.dialogs + rest.dialogs
        assert [d.chat_id for d in dialogs] == chats[::-1]
        assert [d.message.text for d in dialogs] == [f"last {number}" for number in (4, 3, 2, 1, 0)]
        assert {(d.top_id, d.unread) for d in dialogs} == {(2, 1)}

    on_server(test, hosts=2)


async def _live(server: Server, alice: Person, bob: Person) -> None:
    """Something of every type of update for alice."""
    chat = await server.private(alice, bob)
    await server.send(alice, chat, "from alice")
    await server.send(bob, chat, "from bob")
    await settled()
    await server.call(bob, m.Ack(2))
    await settled()
    await server.call(bob, m.MarkRead(chat, 1))
    await server.call(alice, m.MarkRead(chat, 2))
    await server.call(alice, m.AddContact(bob.id, "Bob"))
    await server.call(alice, m.Block(bob.id))
    await server.call(alice, m.UpdateProfile(bio="new"))
    group = await server.call(bob, m.CreateGroup("Group", 1))
    await server.call(alice, m.Unblock(bob.id))
    await server.call(bob, m.AddMember(group.id, alice.id))
    await server.send(bob, group.id, "to all")
    await server.call(bob, m.RenameGroup(group.id, "Other"))
    await server.call(bob, m.SetDescription(group.id, "About"))
    await server.call(bob, m.SetMemberRights(group.id, False))
    await server.call(bob, m.RemoveMember(group.id, alice.id))
    await settled()


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_difference_tells_what_was_pushed(hosts: int) -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        client = Client(server.gateway)
        await client.hello(alice)
        await _live(server, alice, bob)
        pushed = [frame for frame in client.unasked() if "pts" in frame]
        assert [frame["pts"] for frame in pushed] == list(range(1, len(pushed) + 1))
        kinds = {frame["update"]["type"] for frame in pushed}
        difference = await server.call(alice, m.GetDifference(0))
        assert (difference.kind, difference.pts) == ("full", len(pushed))
        assert msgspec.to_builtins(difference.updates) == pushed
        for start in (1, len(pushed) - 1):
            part = await server.call(alice, m.GetDifference(start))
            assert part.updates == difference.updates[start:]
        pts, pages = 0, []
        while (page := await server.call(alice, m.GetDifference(pts, 2))).kind == "slice":
            assert len(page.updates) == 2
            pts = page.pts
            pages += page.updates
        assert (pages + page.updates, page.kind) == (difference.updates, "full")
        assert (await server.call(alice, m.GetDifference(len(pushed)))).kind == "empty"
        ahead = await server.call(alice, m.GetDifference(len(pushed) + 1))
        assert (ahead.kind, ahead.pts, ahead.updates) == ("too_long", len(pushed), [])

        chat = await server.private(alice, bob)
        await server.call(bob, m.EditMessage(chat, 2, "from bobby"))
        await server.call(alice, m.DeleteMessages(chat, [1], for_all=True))
        await settled()
        changes = [frame for frame in client.unasked() if frame.get("pts", 0) > len(pushed)]
        part = await server.call(alice, m.GetDifference(len(pushed)))
        assert msgspec.to_builtins(part.updates) == changes
        kinds |= {frame["update"]["type"] for frame in changes}
        assert kinds == {struct.__struct_config__.tag for struct in t.Update.__args__}
        # What was told before is told as it is now.
        new = {
            numbered.update.message.id: numbered.update.message
            for numbered in (await server.call(alice, m.GetDifference(0))).updates
            if isinstance(numbered.update, t.MessageNew) and numbered.update.message.chat_id == chat
        }
        assert (new[1].deleted, new[1].text, new[1].from_id) == (True, "", 0)
        assert (new[2].text, new[2].edited_ms > 0) == ("from bobby", True)

    on_server(test, hosts=hosts)


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


def test_long_texts_make_short_pages_and_none_is_missing() -> None:
    text = "x" * limits.TEXT_CHARS_MAX

    async def test(server: Server) -> None:
        alice = await server.register("alice")
        groups = []
        for number in range(1, limits.ANSWER_BYTES_MAX // len(text) + 3):
            server.now_ms += 1
            groups.append((await server.call(alice, m.CreateGroup("Group", number))).id)
            await server.send(alice, groups[-1], text)
        chat = await server.private(alice, alice)
        server.now_ms += 1
        for _ in groups:
            await server.send(alice, chat, text)

        updates: list[t.Numbered] = []
        pages = 0
        kind, pts = "slice", 0
        while kind == "slice":
            answer = await server.gateway.call(m.GetDifference(pts), alice.caller)
            assert len(answer) < 1.1 * limits.ANSWER_BYTES_MAX
            page = msgspec.json.decode(answer, type=t.Difference)
            updates += page.updates
            kind, pts, pages = page.kind, page.pts, pages + 1
        assert [numbered.pts for numbered in updates] == list(range(1, pts + 1))
        texts = [u.update.message.text for u in updates if not u.update.message.action]
        assert texts == [text] * 2 * len(groups)
        assert pages > 2

        dialogs: list[t.Dialog] = []
        while len(dialogs) <= len(groups):
            page = await server.call(alice, m.GetDialogs(len(dialogs), limits.DIALOGS_PAGE_MAX))
            dialogs += page.dialogs
            assert page.next_offset == (len(dialogs) if len(dialogs) <= len(groups) else 0)
        assert [d.chat_id for d in dialogs] == [chat, *groups[::-1]]
        assert {d.message.text for d in dialogs} == {text}

    on_server(test)


def test_a_difference_holds_no_text_that_one_may_no_longer_read() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        group = (await server.call(alice, m.CreateGroup("Group", 1, [bob.id]))).id
        await settled()
        await server.send(alice, group, "before")
        await server.call(bob, m.LeaveGroup(group))
        await server.send(alice, group, "without him")
        await server.call(alice, m.AddMember(group, bob.id))
        await server.send(alice, group, "after")
        await settled()
        difference = await server.call(bob, m.GetDifference(0))
        updates = [numbered.update for numbered in difference.updates]
        messages = [update.message for update in updates if isinstance(update, t.MessageNew)]
        assert [message.id for message in messages] == [2, 3, 4, 6, 7]
        assert messages[1] == t.Message(group, 3, 0, 0)
        assert [message.text for message in messages[3:]] == ["", "after"]
        assert messages[3].action == t.Action("member_added", bob.id, "Group")

    on_server(test)


# --- tokens, hosts that do not answer ---------------------------------------------------------


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


# --- long polls -------------------------------------------------------------------------------

POLL_S = limits.POLL_TIMEOUT_S_MAX
STEPS = 60
"""More turns of the loop than a poll takes until it waits."""
PLACES: list[dict[str, Any]] = [
    {"thread_s": 0.0},
    {"thread_s": 0.001},
    {"hosts": 2},
    {"dedicated": ("session",), "thread_s": 0.001},
]


class Poller:
    """Alice, who polls, and bob, whose front is another one."""

    def __init__(
        self, server: Server, alice: Person, bob: Person, chat: str, front: Gateway
    ) -> None:
        self.server, self.alice, self.bob, self.chat, self.front = server, alice, bob, chat, front
        self.pts = 0

    def poll(self, who: Person | None = None) -> asyncio.Task[t.Difference]:
        async def in_time() -> t.Difference:
            async with asyncio.timeout(POLL_S - 1):
                call = self.server.call(who or self.alice, m.Poll(self.pts, POLL_S))
                found: t.Difference = await call
            self.pts = found.pts
            return found

        return asyncio.create_task(in_time())

    async def send(self, text: str) -> None:
        await self.server.send(self.bob, self.chat, text, self.front)

    async def seen(self) -> t.Status:
        (user,) = (await self.server.call(self.bob, m.GetUsers([self.alice.id]))).users
        assert user.status is not None
        return user.status  # type: ignore[no-any-return]


def on_poller(test: Callable[[Poller], Awaitable[None]], **options: Any) -> None:
    async def prepared(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        chat, front = await server.private(alice, bob), await server.front()
        poller = Poller(server, alice, bob, chat, front)
        await test(poller)
        await settled()
        assert server.gateway.connections.by_number == {}
        assert not (await poller.seen()).online

    on_server(prepared, **options)


def test_a_poll_comes_back_at_once_with_what_is_there() -> None:
    async def test(poller: Poller) -> None:
        await poller.send("before")
        await settled()
        found = await poller.poll()
        assert [numbered.update.message.text for numbered in found.updates] == ["before"]

    on_poller(test)


@pytest.mark.parametrize("timeout_s", [0, 1, POLL_S])
def test_a_poll_without_news_comes_back_empty_when_its_time_is_over(timeout_s: int) -> None:
    async def test(poller: Poller) -> None:
        begun_s = fake_loop().time()
        found = await poller.server.call(poller.alice, m.Poll(0, timeout_s))
        assert (found.kind, found.pts) == ("empty", 0)
        assert int(fake_loop().time() - begun_s) == timeout_s

    on_poller(test)


def test_whoever_polls_is_online_and_not_woken_by_what_is_not_stored() -> None:
    async def test(poller: Poller) -> None:
        task = poller.poll()
        await settled()
        assert (await poller.seen()).online
        await poller.server.call(poller.bob, m.SetTyping(poller.chat))
        await settled()
        assert not task.done()
        await poller.send("news")
        assert (await task).kind == "full"

    on_poller(test)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_poll_misses_nothing_whenever_it_happens(place: dict[str, Any]) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            task = poller.poll()
            await turns_of_the_loop(step)
            await poller.send(f"at step {step}")
            found = await task
            texts = [numbered.update.message.text for numbered in found.updates]
            assert (texts, found.kind) == ([f"at step {step}"], "full")

    on_poller(test, **place)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_poll_of_a_session_that_ends_is_refused_whenever_it_ends(place: dict[str, Any]) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            second = await poller.server.log_in(poller.alice)
            task = poller.poll(second)
            await turns_of_the_loop(step)
            end = m.EndSession(second.caller.session_id)
            await poller.server.call(poller.alice, end, poller.front)
            assert await refused(task) == "unauthorized"

    on_poller(test, **place)


def test_a_poll_that_is_one_too_many_of_its_session_is_refused_and_not_empty() -> None:
    """Who is told that there is nothing asks again at once, and sends another one away."""

    async def test(poller: Poller) -> None:
        first = poller.poll()
        await settled()
        others = [poller.poll() for _ in range(limits.CONNECTIONS_PER_SESSION_MAX)]
        assert await refused(first) == "too_many"
        await poller.send("news")
        assert [(await other).kind for other in others] == ["full"] * len(others)

    on_poller(test)


@pytest.mark.parametrize("thread_s", [0.0, 0.001])
def test_a_poll_does_not_wait_in_vain_for_a_host_that_forgot_it(thread_s: float) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            task = poller.poll()
            await turns_of_the_loop(step)
            poller.server.restart()
            await poller.send(f"at step {step}")
            found = await task
            if found.kind == "empty":
                found = await poller.poll()
            texts = [numbered.update.message.text for numbered in found.updates]
            assert texts == [f"at step {step}"]

    on_poller(test, thread_s=thread_s)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_poll_that_is_given_up_leaves_nothing_behind(place: dict[str, Any]) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            task = poller.poll()
            await turns_of_the_loop(step)
            task.cancel()
            await settled()
            assert task.cancelled()
            assert poller.server.gateway.connections.by_number == {}
            assert not (await poller.seen()).online

    on_poller(test, **place)
