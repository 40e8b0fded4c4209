"""The model of the terminal client, against the real actors in memory."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import heliograph as h
from api import methods as m
from api import types as t
from api.errors import ApiError
from heliograph.terminal.model import ChatState, Model, Pending
from runtime.refs import Caller
from tests.profile import tries
from tests.unit.terminal.village import Update, Village

NAMES = ("alice", "bobby", "carol")
ME = 1  # the number of alice's connection
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "private",
                "group",
                "group",
                "read",
                "read-group",
                "ack",
                "edit",
                "edit-group",
                "delete",
                "delete-group",
                "hide",
                "reply",
                "add",
                "remove",
                "leave",
                "rename",
                "admin",
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=30,
)


class Place:
    """Three people, a private chat of the first two and a group of the first."""

    def __init__(self) -> None:
        self.village = Village()
        self.people = [self.village.register(name) for name in NAMES]
        self.alice = self.people[0]
        self.village.town.attach(self.alice, ME)
        self.private = self.village.town.private(self.alice, self.people[1])
        group = self.call(self.alice, m.CreateGroup("Group", 1, [self.people[1].user_id]))
        self.group: str = group.id
        self.updates: list[tuple[int, Update]] = []
        self.take()

    def call(self, caller: Caller, params: m.Params) -> Any:
        return self.village.call(caller, params)

    def take(self) -> None:
        self.updates += self.village.frames(ME)

    def step(self, what: str, who: int, whom: int) -> None:
        """Something happens, or is refused."""
        self.village.town.now_ms += 1_000
        caller, user_id = self.people[who], self.people[whom].user_id
        last = self.village.town.pushed.get(ME, [])[-1:]
        params: m.Params
        match what:
            case "private" | "group":
                chat_id = self.private if what == "private" else self.group
                number = self.village.town.rng.randrange(1, 2**50)
                params = m.SendMessage(chat_id, f"{what} {who}", number)
            case "edit" | "edit-group":
                chat_id = self.private if what == "edit" else self.group
                number = self.village.town.rng.randrange(2**50)
                params = m.EditMessage(chat_id, whom * 2 + 1, f"edit {number}")
            case "delete" | "delete-group" | "hide":
                chat_id = self.group if what == "delete-group" else self.private
                ids = [whom * 2 + 1, whom * 2 + 2]
                params = m.DeleteMessages(chat_id, ids, for_all=what != "hide")
            case "reply":
                number = self.village.town.rng.randrange(1, 2**50)
                params = m.SendMessage(self.private, "reply", number, reply_to=whom)
            case "read" | "read-group":
                params = m.MarkRead(self.private if what == "read" else self.group, whom * 3 + 1)
            case "ack":
                params = m.Ack(max((frame.get("pts", 0) for frame in last), default=0))
            case "add":
                params = m.AddMember(self.group, user_id)
            case "remove":
                params = m.RemoveMember(self.group, user_id)
            case "leave":
                params = m.LeaveGroup(self.group)
            case "rename":
                params = m.RenameGroup(self.group, f"Title {who}{whom}")
            case _:
                params = m.SetAdmin(self.group, user_id, True)
        with contextlib.suppress(ApiError):
            self.call(caller, params)
        self.take()

    def fetch(self, model: Model) -> Model:
        page: t.Dialogs = self.call(self.alice, m.GetDialogs())
        model.load([page])
        assert model.missing_groups() == [], "a list that is fetched has all the names"
        for chat in list(model.chats.values()):
            model.open(chat.id)
        for chat_id in model.missing_groups():
            model.know_chat(self.call(self.alice, m.GetChat(chat_id)))
        for chat in list(model.chats.values()):
            page = self.call(self.alice, m.GetHistory(chat.id, limit=100))
            model.add_history(chat.id, page, latest=True)
        return model

    def model(self) -> Model:
        return self.fetch(Model(self.alice.user_id))


def seen(model: Model, chat: ChatState) -> dict[str, Any]:
    """What of a chat must be the same, however the model came to it."""
    return {
        "marks": (chat.read_inbox_id, chat.read_outbox_id, chat.delivered_id),
        "top": (chat.top_id, chat.top_date_ms, chat.top, chat.unread, chat.left),
        "title": chat.title,
        "members": None if chat.left else chat.members,
    }


@settings(max_examples=tries(150), deadline=None)
@given(before=STEPS, after=STEPS, repeated=st.integers(0, 1_000))
def test_updates_lead_where_a_fresh_fetch_leads(before: Any, after: Any, repeated: int) -> None:
    place = Place()
    for step in before:
        place.step(*step)
    model = place.model()
    known = len(place.updates)
    for step in after:
        place.step(*step)
    # Some of what the fetch reflects already is handed in again, as after a restart.
    for pts, update in place.updates[max(known - repeated, 0) :]:
        model.apply(update, 0, pts)
        for chat_id in model.missing_groups():
            try:
                model.know_chat(place.call(place.alice, m.GetChat(chat_id)))
            except ApiError:
                model.unknown.add(chat_id)
    fresh = place.model()
    assert {chat.id: seen(model, chat) for chat in model.chats.values()} == {
        chat.id: seen(fresh, chat) for chat in fresh.chats.values()
    }
    for chat in fresh.chats.values():
        if model.chats[chat.id].opened:
            shown = model.chats[chat.id].messages
            # Who was out of a group meanwhile still has what they may not fetch any more.
            assert {number: shown[number] for number in chat.messages} == chat.messages
    assert [chat.id for chat in model.dialogs()] == [chat.id for chat in fresh.dialogs()]


# --- examples ---------------------------------------------------------------------------------

CHAT = "p1-2"


def message(number: int, from_id: int = 2, text: str = "hi", **more: Any) -> h.Message:
    return h.Message(CHAT, number, from_id, 1_000 * number, text, **more)


def model_of(*updates: h.Delivery) -> Model:
    model = Model(1)
    model.know_users([h.User(1, "alice", "Alice"), h.User(2, "bobby", "Bob")])
    for update in updates:
        model.apply(update, 0)
    return model


def test_a_message_twice_is_one() -> None:
    model = model_of(h.MessageNew(message(1)), h.MessageNew(message(2)), h.MessageNew(message(1)))
    chat = model.chats[CHAT]
    assert (chat.unread, chat.top_id, chat.top) == (2, 2, message(2))


def test_an_old_mark_does_not_bring_back_what_is_unread() -> None:
    model = model_of(h.MessageNew(message(1)), h.ReadInbox(CHAT, 1, 0), h.MessageNew(message(2)))
    model.apply(h.ReadInbox(CHAT, 1, 0), 0)
    assert model.chats[CHAT].unread == 1


def test_ticks() -> None:
    own = message(1, from_id=1)
    model = model_of(h.MessageNew(own))
    assert model.tick(own) == "sent"
    model.apply(h.Delivered(CHAT, 1, 2), 0)
    assert model.tick(own) == "delivered"
    model.apply(h.ReadOutbox(CHAT, 1, 2), 0)
    assert model.tick(own) == "read"
    assert model.tick(message(2)) is None


def test_an_own_message_leaves_the_outbox_when_it_is_on_the_server() -> None:
    model = model_of()
    model.send(Pending(CHAT, 7, "hi", 5))
    assert [pending.random_id for pending in model.pending(CHAT)] == [7]
    model.apply(h.MessageNew(message(1, from_id=1, random_id=7)), 0)
    assert model.pending(CHAT) == []


def test_typing_fades_and_ends_with_the_message() -> None:
    model = model_of(h.MessageNew(message(1)))
    chat = model.chats[CHAT]
    model.apply(h.Typing(CHAT, 2), 10_000)
    assert model.typing(chat, 15_999) == [2]
    assert model.typing(chat, 16_000) == []
    model.apply(h.MessageNew(message(2)), 0)
    assert model.typing(chat, 10_001) == []


def test_typing_in_an_unknown_chat_makes_no_chat() -> None:
    assert model_of(h.Typing("p1-3", 3)).chats == {}


def test_the_marker_stands_before_what_was_unread_when_the_chat_was_opened() -> None:
    model = model_of(h.MessageNew(message(1)), h.ReadInbox(CHAT, 1, 0), h.MessageNew(message(2)))
    assert model.open(CHAT).marker_id == 1
    model.apply(h.ReadInbox(CHAT, 2, 0), 0)
    assert model.chats[CHAT].marker_id == 1
    model.send(Pending(CHAT, 7, "hi", 5))
    assert model.chats[CHAT].marker_id == 0


def test_a_group_that_one_is_taken_out_of_and_back_into_is_asked_for_again() -> None:
    model = Model(1)
    gone = h.Action("member_removed", 1)
    model.know_chat(h.Chat("g5", "group", "Five", 0, 0, [h.Member(1, "member", 0)]))
    model.apply(h.MessageNew(h.Message("g5", 1, 2, 0, action=gone)), 0)
    assert model.chats["g5"].left
    assert model.missing_groups() == []
    back = h.Action("member_added", 1, "Six")
    model.apply(h.MessageNew(h.Message("g5", 4, 2, 0, action=back)), 0)
    assert not model.chats["g5"].left
    assert model.chats["g5"].title == "Six"
    assert model.missing_groups() == [], "its members are asked for when it is opened"
    model.open("g5")
    assert model.missing_groups() == ["g5"]


def test_fetched_history_leaves_no_hole() -> None:
    model = model_of()
    model.open(CHAT)
    for number in (1, 9):
        model.apply(h.MessageNew(message(number)), 0)
    page = h.History([message(7), message(8)], more=True)
    model.add_history(CHAT, page, latest=True)
    assert list(model.chats[CHAT].messages) == [7, 8, 9]
    model.add_history(CHAT, h.History([message(6)], more=True), latest=False)
    assert list(model.chats[CHAT].messages) == [6, 7, 8, 9]


def test_what_is_closed_is_cut() -> None:
    model = model_of()
    model.open(CHAT)
    for number in range(1, 301):
        model.apply(h.MessageNew(message(number)), 0)
    model.close(CHAT)
    chat = model.chats[CHAT]
    assert (len(chat.messages), chat.first_id, chat.more) == (200, 101, True)


def test_names() -> None:
    model = model_of(h.MessageNew(message(1)))
    assert model.title(model.chats[CHAT]) == "Bob"
    model.apply(h.ContactChanged(2, "Bobby the friend", contact=True), 0)
    assert model.title(model.chats[CHAT]) == "Bobby the friend"
    model.apply(h.ContactChanged(2, blocked=True), 0)
    assert (model.title(model.chats[CHAT]), model.blocked) == ("Bob", {2})
    assert model.missing_users() == []
    model.apply(h.MessageNew(h.Message("p1-3", 1, 3, 0, "x")), 0)
    assert model.missing_users() == [3]


def test_what_is_fetched_while_a_message_changes_is_not_taken_for_the_later_state() -> None:
    model = model_of(h.MessageNew(message(3)))
    model.open(CHAT)
    model.apply(h.MessageEdited(message(1, text="changed", revision=4)), 0)
    model.apply(h.MessagesDeleted(CHAT, [2], 1), 0)
    fetched = h.History([message(1), message(2), message(3)], False)
    model.add_history(CHAT, fetched, latest=True)
    shown = model.chats[CHAT].messages
    assert (shown[1].text, shown[2].deleted, shown[3].text) == ("changed", True, "hi")
    assert shown[2].date_ms == message(2).date_ms
    model.know_quotes(CHAT, [1], [message(1)])
    quoted = model.chats[CHAT].quoted[1]
    assert quoted is not None
    assert quoted.text == "changed"


def test_what_is_unread_is_what_the_dialog_says_that_was_fetched_later() -> None:
    dialog = h.Dialog(CHAT, "private", 12, 12_000, unread=4)
    model = Model(1)
    model.load([h.Dialogs([dialog], 0, 12)])
    model.apply(h.MessagesDeleted(CHAT, [5], 3), 0, 11)
    model.apply(h.MessageNew(message(12)), 0, 12)
    assert model.chats[CHAT].unread == 4
    model.apply(h.MessagesDeleted(CHAT, [6], 3), 0, 13)
    assert model.chats[CHAT].unread == 3
