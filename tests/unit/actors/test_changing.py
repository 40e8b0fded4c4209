"""Messages that are edited, deleted and forwarded."""

from __future__ import annotations

from typing import Any

import pytest

from actors import addresses
from actors.chat.messages import TakeForwarded
from actors.chat.state import EVENTS, EventRow
from actors.file.messages import MayDelete
from actors.tickets import Seal, Ticket
from actors.verify.walk import verify
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from runtime.refs import Caller
from tests.unit.actors.cluster import Rows
from tests.unit.actors.mailboxes import Pair, dialog, group_of, read, told
from tests.unit.actors.rows import refused_call, rows_of
from tests.unit.actors.town import Town

HOUR_MS = 3_600_000


def edit(town: Town, caller: Caller, chat_id: str, number: int, text: str) -> t.Message:
    message: t.Message = town.call(caller, m.EditMessage(chat_id, number, text))
    town.settle()
    return message


def delete(town: Town, caller: Caller, chat_id: str, *ids: int, for_all: bool = True) -> None:
    assert town.call(caller, m.DeleteMessages(chat_id, list(ids), for_all)) == t.Ok()
    town.settle()


def shown(town: Town, caller: Caller, chat_id: str) -> list[t.Message]:
    page: t.History = town.call(caller, m.GetHistory(chat_id))
    return page.messages


def _refused(town: Town, caller: Caller, params: m.Params, code: str) -> None:
    assert refused_call(town, caller, params) == code


def texts(town: Town, caller: Caller, chat_id: str) -> list[str]:
    """What somebody reads of a chat; `-` for what was deleted."""
    return ["-" if message.deleted else message.text for message in shown(town, caller, chat_id)]


def photo(size: int = 5, file_id: str = "f" * 43) -> t.Media:
    return t.Media("photo", file_id, size, "us.jpg", "image/jpeg")


def with_photo(chat_id: str, caller: Caller, text: str, number: int, **more: Any) -> m.SendMessage:
    ticket = Ticket(2**50, caller.user_id, photo())
    return m.SendMessage(chat_id, text, number, media=Seal(bytes(32)).close(ticket), **more)


def test_an_edit_is_what_everybody_reads(pair: Pair) -> None:
    town = pair.town
    town.attach(pair.bobby, 7)
    pair.write(2)
    town.now_ms += 5
    changed = edit(town, pair.alice, pair.chat, 1, "changed")
    assert (changed.text, changed.edited_ms, changed.revision) == ("changed", town.now_ms, 3)
    assert changed.random_id, "the sender is shown which of their sends it is"
    for reader in (pair.alice, pair.bobby):
        assert texts(town, reader, pair.chat) == ["changed", "hello"]
    update = town.pushed[7][-1]["update"]
    assert update == {
        "type": "message_edited",
        "message": {
            "chat_id": pair.chat,
            "id": 1,
            "from_id": pair.alice.user_id,
            "date_ms": changed.date_ms,
            "text": "changed",
            "edited_ms": town.now_ms,
            "revision": 3,
        },
    }
    assert told(town, pair.bobby)[-1] == ("edited", 1, 3)


def test_an_edit_to_what_it_says_changes_nothing(pair: Pair) -> None:
    """So a repetition has no second effect."""
    pair.write(1)
    first = edit(pair.town, pair.alice, pair.chat, 1, "changed")
    before = told(pair.town, pair.bobby)
    assert edit(pair.town, pair.alice, pair.chat, 1, "changed") == first
    assert told(pair.town, pair.bobby) == before


def test_who_may_edit_what_and_for_how_long(pair: Pair) -> None:
    town, alice, bobby = pair.town, pair.alice, pair.bobby
    pair.write(1)
    group = group_of(town, alice, bobby)
    stranger = town.register("carol")
    _refused(town, bobby, m.EditMessage(pair.chat, 1, "not mine"), "forbidden")
    _refused(town, alice, m.EditMessage(pair.chat, 2, "not there"), "message_not_found")
    _refused(town, alice, m.EditMessage(group, 1, "what happened"), "forbidden")
    _refused(town, stranger, m.EditMessage(pair.chat, 1, "let me in"), "chat_not_found")
    _refused(town, alice, m.EditMessage(pair.chat, 1, ""), "invalid_params")
    town.ask(addresses.user(bobby.user_id), m.Block(alice.user_id), bobby)
    town.settle()
    _refused(town, alice, m.EditMessage(pair.chat, 1, "read this"), "blocked")
    town.call(bobby, m.Unblock(alice.user_id))
    town.settle()
    town.now_ms += limits.EDIT_S * 1000
    assert edit(town, alice, pair.chat, 1, "just in time").text == "just in time"
    town.now_ms += 1
    _refused(town, alice, m.EditMessage(pair.chat, 1, "too late"), "edit_expired")
    # What was done is answered again, however late.
    assert edit(town, alice, pair.chat, 1, "just in time").text == "just in time"


def test_saved_messages_may_be_changed_for_ever(pair: Pair) -> None:
    saved = pair.town.private(pair.alice, pair.alice)
    pair.town.send(pair.alice, saved, "note")
    pair.town.now_ms += 1000 * limits.EDIT_S * 1000
    assert edit(pair.town, pair.alice, saved, 1, "another").text == "another"


def test_a_caption_may_be_changed_and_taken_away(pair: Pair) -> None:
    town = pair.town
    town.call(pair.alice, with_photo(pair.chat, pair.alice, "look", 1))
    long = m.EditMessage(pair.chat, 1, "x" * (limits.CAPTION_CHARS_MAX + 1))
    _refused(town, pair.alice, long, "invalid_params")
    changed = edit(town, pair.alice, pair.chat, 1, "")
    assert (changed.text, changed.media) == ("", photo())


def test_of_what_is_deleted_for_all_nothing_is_left(pair: Pair) -> None:
    town = pair.town
    town.attach(pair.bobby, 7)
    pair.write(3)
    delete(town, pair.bobby, pair.chat, 1, 3)
    for reader in (pair.alice, pair.bobby):
        one, two, three = shown(town, reader, pair.chat)
        assert one == t.Message(pair.chat, 1, 0, one.date_ms, deleted=True)
        assert (two.text, three.deleted) == ("hello", True)
    assert town.pushed[7][-1]["update"] == {
        "type": "messages_deleted",
        "chat_id": pair.chat,
        "ids": [1, 3],
        "unread": 1,
    }
    # Again, and with one that is there: only that one goes.
    delete(town, pair.alice, pair.chat, 1, 2, 3)
    assert texts(town, pair.bobby, pair.chat) == ["-", "-", "-"]
    assert dialog(town, pair.bobby, pair.chat).unread == 0
    mails = told(town, pair.bobby)
    delete(town, pair.alice, pair.chat, 1, 2, 3)
    assert told(town, pair.bobby) == mails
    _refused(town, pair.alice, m.EditMessage(pair.chat, 1, "back"), "message_not_found")


def test_a_send_that_is_repeated_does_not_bring_it_back(pair: Pair) -> None:
    sent = pair.town.send(pair.alice, pair.chat, "hello", 5)
    delete(pair.town, pair.alice, pair.chat, 1)
    again = pair.town.send(pair.alice, pair.chat, "hello", 5)
    assert (again.id, again.date_ms) == (sent.id, sent.date_ms)
    assert texts(pair.town, pair.alice, pair.chat) == ["-"]


def test_who_deletes_for_themselves_is_alone_with_it(pair: Pair) -> None:
    town = pair.town
    pair.write(2)
    delete(town, pair.bobby, pair.chat, 2, for_all=False)
    assert texts(town, pair.bobby, pair.chat) == ["hello", "-"]
    assert texts(town, pair.alice, pair.chat) == ["hello", "hello"]
    assert dialog(town, pair.bobby, pair.chat).unread == 1
    # Nothing more is told of it, and reading on counts without it.
    mails = told(town, pair.bobby)
    edit(town, pair.alice, pair.chat, 2, "changed")
    assert told(town, pair.bobby) == mails
    assert read(town, pair.bobby, pair.chat, 1).unread == 0
    delete(town, pair.alice, pair.chat, 2)
    assert texts(town, pair.alice, pair.chat) == ["hello", "-"]


def test_who_may_delete_for_all(pair: Pair) -> None:
    town, alice, bobby = pair.town, pair.alice, pair.bobby
    carol = town.register("carol")
    group = group_of(town, alice, bobby, carol)
    last = [town.send(who, group, "hello").id for who in (alice, bobby, carol)]
    _refused(town, bobby, m.DeleteMessages(group, [last[2]], True), "forbidden")
    _refused(town, bobby, m.DeleteMessages(group, [last[1], last[2]], True), "forbidden")
    _refused(town, alice, m.DeleteMessages(group, [1], True), "forbidden")
    _refused(town, alice, m.DeleteMessages(group, [1], False), "forbidden")
    _refused(town, alice, m.DeleteMessages(group, [last[2] + 1], True), "message_not_found")
    _refused(town, town.register("diana"), m.DeleteMessages(group, [1], False), "chat_not_found")
    delete(town, bobby, group, last[1])
    delete(town, alice, group, last[2])
    assert texts(town, carol, group)[-3:] == ["hello", "-", "-"]


def test_who_has_left_is_told_of_what_they_could_read_and_may_clear_it(pair: Pair) -> None:
    town, alice, bobby = pair.town, pair.alice, pair.bobby
    group = group_of(town, alice, bobby)
    number = town.send(alice, group, "before").id
    town.send(alice, group, "another")
    town.call(bobby, m.LeaveGroup(group))
    town.settle()
    after = town.send(alice, group, "after").id
    edit(town, alice, group, number, "changed")
    edit(town, alice, group, after, "changed too")
    assert "changed" in texts(town, bobby, group)
    assert [mail for mail in told(town, bobby) if mail[0] == "edited"] == [("edited", number, 7)]
    delete(town, bobby, group, number, for_all=False)
    _refused(town, bobby, m.DeleteMessages(group, [number + 1], True), "chat_not_found")
    # Who comes back has not forgotten what they have deleted.
    town.call(alice, m.AddMember(group, bobby.user_id))
    town.settle()
    assert _clean(town)


def test_unread_and_marks_after_deletions(pair: Pair) -> None:
    town = pair.town
    pair.write(5)
    read(town, pair.bobby, pair.chat, 2)
    delete(town, pair.alice, pair.chat, 1, 4)
    assert dialog(town, pair.bobby, pair.chat).unread == 2
    assert read(town, pair.bobby, pair.chat, 3).unread == 1
    shown_now = dialog(town, pair.bobby, pair.chat)
    assert (shown_now.unread, shown_now.top_id) == (1, 5)
    delete(town, pair.alice, pair.chat, 5)
    after = dialog(town, pair.bobby, pair.chat)
    assert (after.unread, after.top_id) == (0, 5)


def test_files_of_what_is_deleted_go(pair: Pair) -> None:
    town, chat = pair.town, pair.chat
    town.call(pair.alice, with_photo(chat, pair.alice, "one", 1, album=3))
    town.call(pair.alice, with_photo(chat, pair.alice, "two", 2, album=3))
    town.settle()
    file = addresses.file("f" * 43)
    town.now_ms += limits.FILE_GRACE_S * 1000 + 1
    delete(town, pair.alice, chat, 1)
    town.now_ms += 2 * HOUR_MS
    assert town.ask(file, MayDelete()) == [False], "the other message has it"
    delete(town, pair.alice, chat, 2)
    assert town.ask(file, MayDelete()) == [False], "somebody may be about to forward it"
    town.now_ms += 2 * HOUR_MS
    assert town.ask(file, MayDelete()) == [True]
    assert _clean(town)


def test_room_in_an_album_and_in_the_chat_is_given_back(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ALBUM_MESSAGES_MAX", 1)
    monkeypatch.setattr(limits, "MEDIA_BYTES_PER_CHAT_MAX", photo().size)
    town, chat = pair.town, pair.chat
    town.call(pair.alice, with_photo(chat, pair.alice, "one", 1, album=3))
    more = with_photo(chat, pair.alice, "two", 2, album=3)
    with pytest.raises(ApiError):
        town.call(pair.alice, more)
    delete(town, pair.alice, chat, 1)
    assert town.call(pair.alice, more).id == 2
    assert _clean(town)


def test_what_is_forwarded_is_on_its_own(pair: Pair) -> None:
    """Whatever becomes of where it comes from."""
    town, alice = pair.town, pair.alice
    town.call(alice, with_photo(pair.chat, alice, "look", 1))
    town.settle()
    group = group_of(town, pair.bobby)
    origin = t.Forward(alice.user_id, town.now_ms)
    taken = TakeForwarded(9, "look", photo(), 0, origin)
    sent = town.ask(addresses.chat(group), taken, pair.bobby)
    town.settle()
    again = town.ask(addresses.chat(group), taken, pair.bobby)
    assert (again["id"], again["chat_id"]) == (sent["id"], group)
    delete(town, alice, pair.chat, 1)
    *_, last = shown(town, pair.bobby, group)
    assert (last.text, last.media, last.forward) == ("look", photo(), origin)
    _refused(town, pair.bobby, m.EditMessage(group, last.id, "mine"), "forbidden")
    assert _clean(town)


def test_changes_are_numbered_and_the_oldest_forgotten(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHAT_EVENTS_MAX", 3)
    town = pair.town
    pair.write(2)
    for number in range(5):
        edit(town, pair.alice, pair.chat, 1, f"edit {number}")
    pair.write(1)
    delete(town, pair.alice, pair.chat, 2)
    rows = EVENTS.all(rows_of(town, addresses.chat(pair.chat)))
    assert dict(rows) == {
        4: EventRow(1, 2, town.now_ms),
        5: EventRow(1, 2, town.now_ms),
        6: EventRow(2, 3, town.now_ms, True),
    }
    one, two, three = shown(town, pair.alice, pair.chat)
    assert [message.revision for message in (one, two, three)] == [7, 0, 0]
    assert _clean(town)


def _clean(town: Town) -> bool:
    stored = [(name, Rows(town.stores[name], town.placement.led_by(name))) for name in town.names]
    return verify(town.placement, stored).clean
