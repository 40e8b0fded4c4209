"""The model as lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import heliograph as h
from heliograph.terminal import view
from heliograph.terminal.model import ChatState, Model, Pending

CHAT, GROUP = "p1-2", "g5"
NOW = 1_700_000_000_000
DAY = 86_400_000


def model() -> Model:
    model = Model(1)
    names = ("Alice", "Bob", "Carol")
    model.know_users([h.User(n, name.lower(), name) for n, name in enumerate(names, 1)])
    return model


def put(model: Model, *messages: h.Message) -> ChatState:
    chat = model.open(messages[0].chat_id)
    chat.loaded = True
    for message in messages:
        model.apply(h.MessageNew(message), NOW)
    return chat


def message(number: int, from_id: int, text: str = "hi", **more: Any) -> h.Message:
    chat_id, date_ms = more.pop("chat_id", CHAT), more.pop("date_ms", NOW)
    return h.Message(chat_id, number, from_id, date_ms, text, **more)


def shown(model: Model, chat: ChatState, width: int = 40) -> list[str]:
    lines = view.conversation(model, chat, NOW, width)
    return [line.text.plain.strip() for line in lines]


def test_own_messages_stand_at_the_right_with_ticks() -> None:
    here = model()
    chat = put(here, message(1, 2, "hello"), message(2, 1, "hi Bob"))
    here.apply(h.Delivered(CHAT, 2, 2), NOW)
    lines = view.conversation(here, chat, NOW, 40)
    clock = view.clock(NOW)
    assert lines[1].text.plain == f" hello  {clock}"
    assert lines[2].text.plain == f"hi Bob  {clock} ✓✓".rjust(39)
    here.apply(h.ReadOutbox(CHAT, 2, 2), NOW)
    read = view.conversation(here, chat, NOW, 40)[2].text
    assert read.plain == lines[2].text.plain
    assert "cyan" in str(read.spans[-1].style)


def test_markup_is_text() -> None:
    here = model()
    text = "[bold]x[/bold] [link=http://evil]y[/link] \x1b[31m"
    here.know_users([h.User(2, "bobby", "[red]Bob\x1b[0m")])
    chat = put(here, message(1, 2, text))
    assert shown(here, chat, 80)[1].startswith("[bold]x[/bold] [link=http://evil]y[/link] ␛[31m")
    assert "[red]Bob␛[0m" in view.head(here, chat, "online", NOW, 60).plain
    assert "[red]Bob␛[0m" in view.row(here, chat, NOW, 60).plain


def test_days_and_authors() -> None:
    here = model()
    chat = put(
        here,
        message(1, 2, "a", chat_id=GROUP, date_ms=NOW - DAY),
        message(2, 2, "b", chat_id=GROUP, date_ms=NOW - DAY),
        message(3, 3, "c", chat_id=GROUP, date_ms=NOW - DAY),
        message(4, 3, "d", chat_id=GROUP),
    )
    words = [line.strip("─ ").split("  ")[0] for line in shown(here, chat)]
    assert words == ["Yesterday", "Bob", "a", "b", "Carol", "c", "Today", "Carol", "d"]


def test_unread_marker() -> None:
    here = model()
    put(here, message(1, 2, "old"), message(2, 2, "new"))
    here.apply(h.ReadInbox(CHAT, 1, 1), NOW)
    chat = here.open(CHAT)
    lines = view.conversation(here, chat, NOW, 40)
    assert [line.key for line in lines] == [1, 1, view.MARKER, 2]
    assert "new messages" in lines[2].text.plain


def test_messages_on_their_way_and_failed() -> None:
    here = model()
    chat = put(here, message(1, 2))
    here.send(Pending(CHAT, 5, "later", NOW))
    assert shown(here, chat)[-1].endswith("◷")
    here.outbox[5].error = "You cannot write to this user"
    text = " ".join(shown(here, chat, 60)[2:])
    assert "✗" in text
    assert "Not sent: You cannot write to this user. /retry sends it again" in text


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (h.Action("group_created", text="Club"), "Bob created the group “Club”"),
        (h.Action("member_added", 3), "Bob added Carol"),
        (h.Action("member_added", 1), "Bob added you"),
        (h.Action("member_removed", 1), "Bob removed you"),
        (h.Action("member_left", 2), "Bob left"),
        (h.Action("renamed", text="[b]"), "Bob renamed the group to “[b]”"),
        (h.Action("admin_added", 1), "Bob made you an admin"),
        (h.Action("admin_removed", 1), "You are no admin any more, by Bob"),
        (h.Action("admin_removed", 3), "Carol is no admin any more, by Bob"),
        (h.Action("owner_changed", 3), "Bob handed the group over to Carol"),
    ],
)
def test_service_messages(action: h.Action, words: str) -> None:
    here = model()
    assert view.service(here, message(1, 2, "", action=action, chat_id=GROUP)) == words


def test_own_deeds_begin_with_you() -> None:
    added = message(1, 1, "", action=h.Action("member_added", 2), chat_id=GROUP)
    assert view.service(model(), added) == "You added Bob"


def test_what_the_head_tells() -> None:
    here = model()
    chat = put(here, message(1, 2))
    status = h.Status(True, NOW)
    here.know_users([h.User(2, "bobby", "Bob", status=status)])
    assert view.head(here, chat, "online", NOW, 40).plain.split() == ["Bob", "@bobby", "online"]
    here.apply(h.Presence(2, h.Status(False, NOW - 120_000)), NOW)
    assert view.status_words(here, chat, NOW) == "last seen 2 minutes ago"
    here.apply(h.Typing(CHAT, 2), NOW)
    assert view.status_words(here, chat, NOW) == "Bob is typing…"
    assert view.head(here, chat, "connecting", NOW, 40).plain.endswith("connecting…")


def test_the_list() -> None:
    here = model()
    chat = put(here, message(1, 2, "one\ntwo"))
    first, second = view.row(here, chat, NOW, 30).plain.split("\n")
    assert first == "  Bob" + view.clock(NOW).rjust(25)
    assert second == "  one two" + " 1 ".rjust(21)
    here.apply(h.Typing(CHAT, 2), NOW)
    assert "typing…" in view.row(here, chat, NOW, 30).plain
    group = put(here, message(1, 3, "hi", chat_id=GROUP))
    assert "Carol: hi" in view.row(here, group, NOW, 30).plain


@given(st.text(min_size=1, max_size=200), st.integers(2, 100), st.booleans())
def test_no_line_is_wider_than_the_screen(text: str, width: int, own: bool) -> None:
    here = model()
    here.know_users([h.User(2, "bobby", text)])
    chat = put(here, message(1, 1 if own else 2, text, chat_id=GROUP))
    # Below this, time and ticks have no room.
    width = max(width, 12)
    for line in view.conversation(here, chat, NOW, width):
        assert "\n" not in line.text.plain
        assert cell_len(line.text.plain) <= width
    for row in view.row(here, chat, NOW, width).plain.split("\n"):
        assert cell_len(row) <= width
