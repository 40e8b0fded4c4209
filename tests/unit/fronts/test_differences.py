"""Dialogs and differences: what a device learns that was away, in pages."""

from __future__ import annotations

import msgspec
import pytest

from api import limits
from api import methods as m
from api import types as t
from tests.unit.fronts.kit import (
    Client,
    Person,
    Server,
    on_server,
    settled,
)


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
