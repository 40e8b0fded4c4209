"""Which rows a chat is mended with, and from which backup."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.chat.state import (
    PHOTO,
    AlbumRow,
    Change,
    ChatHead,
    EventRow,
    HiddenRow,
    MemberRow,
    MessageRow,
    SendRow,
)
from actors.updates import DeletedEntry, DescribedEntry, MessageEntry, SaidEntry
from api import types as t
from heliograph.admin.changes import Said, hidden_in, said_in, told_in
from heliograph.admin.chat_rows import ChatRows, read_rows, revision_of, shares_past
from heliograph.admin.mend import mend
from heliograph.admin.restore_chat import _rows
from runtime.refs import KINDS
from storage.keys import actor_prefix


def message(text: str) -> MessageRow:
    return MessageRow(1, 1, text)


def test_a_backup_of_another_past_is_not_used() -> None:
    """The server was brought back to before it; since then, the number means something else."""
    here = ChatRows(messages={1: message("a"), 2: message("b"), 3: None})
    assert shares_past(here, ChatRows(messages={1: message("a"), 3: message("c")}))
    assert shares_past(here, ChatRows())
    assert not shares_past(here, ChatRows(messages={2: message("other"), 3: message("c")}))


def test_each_message_is_taken_from_the_newest_backup_that_has_it() -> None:
    here = ChatRows(messages={1: None, 2: message("b"), 3: None, 4: None})
    newest = ChatRows(messages={1: None, 3: message("c")})
    older = ChatRows(messages={1: message("a")})
    mended = mend(here, [newest, older], 0)
    assert mended.messages == {1: message("a"), 3: message("c")}
    assert "message 4 is in no backup" in mended.lost


def _edited(row: MessageRow, pts: int, text: str) -> MessageRow:
    return msgspec.structs.replace(row, text=text, change=Change(pts, edited_ms=1))


def test_a_damaged_event_is_a_change_that_is_not_known() -> None:
    """Of which the row that a backup has may be older."""
    head = ChatHead("private", "", 1, last_id=1)
    backup = ChatRows(head, messages={1: message("a")})
    here = ChatRows(None, messages={1: None}, events={1: None})
    mended = mend(here, [backup], 1)
    assert mended.messages == {}
    assert "message 1 may have been deleted since the backup that has it" in mended.lost
    assert mended.events == {1: EventRow(0, 0, 0)}


def test_a_deletion_that_no_backup_explains_is_of_whose_send_it_was() -> None:
    here = ChatRows(
        ChatHead("private", "", 1, last_id=1, changes=1),
        messages={},
        sends={(7, 9): SendRow(1, 5)},
        events={1: EventRow(1, 1, 5, True)},
    )
    row = mend(here, [], 1).messages[1]
    assert (row.deleted, row.from_id, row.random_id) == (True, 7, 9)
    nobody = mend(ChatRows(here.head, events=here.events), [], 1).messages[1]
    assert (nobody.deleted, nobody.from_id) == (True, 0)
    backup = ChatRows(here.head, messages={1: message("a"), 2: message("b")})
    assert shares_past(ChatRows(messages={1: nobody, 2: None}), backup), "it may be that one"


def test_a_later_change_is_no_other_past() -> None:
    first = message("a")
    later = _edited(first, 3, "b")
    assert shares_past(ChatRows(messages={1: later}), ChatRows(messages={1: first}))
    assert not shares_past(ChatRows(messages={1: first}), ChatRows(messages={1: later}))
    other = msgspec.structs.replace(later, text="c")
    assert not shares_past(ChatRows(messages={1: later}), ChatRows(messages={1: other}))


def test_whoever_was_told_of_most_deletions_knows_which_were_which() -> None:
    entries = [DeletedEntry("g1", [2, 4], 0, 9), DeletedEntry("g1", [1, 2, 3, 4], 0, 9)]
    told = [change for entry in entries for change in told_in("g1", [entry])]
    assert told_in("g2", entries) == []
    here = ChatRows(ChatHead("group", "", 1, last_id=5, changes=4), messages={5: message("e")})
    for order in (told, told[::-1]):
        mended = mend(here, [], 5, order)
        assert {n: revision_of(row) for n, row in mended.messages.items()} == {
            1: 6,
            2: 7,
            3: 8,
            4: 9,
        }
        assert mended.events == {n: EventRow(n, 5, 0, True) for n in range(1, 5)}


def test_what_a_member_has_deleted_since_the_backup_is_known_to_their_mailbox() -> None:
    member = MemberRow("member", 1, 1)
    head = ChatHead("private", "", 1, last_id=2)
    rows = {1: message("a"), 2: message("b")}
    backup = ChatRows(head, {1: member}, rows)
    here = ChatRows(head, {1: None}, rows)
    assert hidden_in("p1-2", [DeletedEntry("p1-2", [2], 0), DeletedEntry("p1-2", [1], 0, 3)]) == {2}
    mended = mend(here, [backup], 2, (), [(1, 2)])
    assert mended.hidden == {(1, 2): HiddenRow(0)}
    assert mended.members[1].hidden == 1


def test_albums_count_what_is_there_and_those_that_are_sound_are_left_alone() -> None:
    """(Of one that was begun before albums were counted there is no row.)"""

    def of(album: int) -> MessageRow:
        return MessageRow(1, 1, "picture", album=album)

    sound = {1: of(6), 2: of(7), 3: of(7), 4: of(8)}
    counted = {(1, 7): AlbumRow(2), (1, 8): AlbumRow(1)}
    head = ChatHead("group", "Club", 1, last_id=4)

    def mended(**here: Any) -> dict[tuple[int, int], AlbumRow]:
        given: dict[str, Any] = {"head": head, "messages": sound, "albums": counted} | here
        return mend(ChatRows(**given), [ChatRows(head, messages={1: of(6)})], 4).albums

    assert mended() == {}
    assert mended(albums=counted | {(1, 8): None}) == {(1, 8): AlbumRow(1)}
    assert mended(messages=sound | {3: None}) == {(1, 7): AlbumRow(1)}, "lost for good"
    assert mended(messages=sound | {1: None}) == {(1, 6): AlbumRow(1)}, "it came back"


def test_a_damaged_picture_is_removed_and_told() -> None:
    """It may have been released since a backup; whoever cares sets another one."""
    prefix = actor_prefix(KINDS["chat"], "g1")
    key = prefix + bytes([PHOTO.number])
    whole = msgspec.msgpack.encode(t.Media("photo", "f" * 43, 5, "", "image/jpeg"))
    assert not read_rows([(key, whole)]).photo_damaged
    for damaged in (None, b"\x07"):
        here = read_rows([(key, damaged)])
        here.head = ChatHead("group", "Club", 1)
        mended = mend(here, [], 0)
        assert (mended.rows, mended.lost) == (1, ["the picture of the group: set it again"])
        assert _rows(prefix, mended) == {key: None}


def test_what_no_message_says_of_a_group_is_as_its_members_were_told() -> None:
    """By who was told all that came since the backup; else by who is in it for longest, and it is
    said that it may be older."""
    members = {n: MemberRow("member", 1, n, left_id=5 * (n == 1)) for n in (1, 2, 3, 4, 9)}
    head = ChatHead("group", "Club", 1, last_id=7, description="old", members_add=False)
    told = [
        DescribedEntry("g1", "new"),
        MessageEntry("g1", 7, 0),
        SaidEntry(t.ChatDescribed("g1", "newer")),
        SaidEntry(t.MemberRights("g1", True)),
        MessageEntry("g1", 8, 0),
        SaidEntry(t.MemberRights("g2", False)),
        DescribedEntry("g2", "another"),
    ]
    all_of_it, late, nothing = (said_in("g1", part) for part in (told, told[4:], told[5:]))
    first = said_in("g1", told[:2])

    def mended(backup: ChatHead | None, **said: Said) -> tuple[str, bool, int]:
        """`said`: by the number of the member, after a letter."""
        known = {int(name[1:]): one for name, one in said.items()}
        made = mend(ChatRows(), [ChatRows(backup, members=dict(members))], 0, said=known)
        assert made.head is not None
        return made.head.description, made.head.members_add, len(made.lost)

    assert mended(head, u1=first, u2=late, u3=all_of_it) == ("newer", True, 0)
    assert mended(head, u2=first, u3=late) == ("new", False, 0)
    assert mended(head, u1=all_of_it, u2=late) == ("old", False, 1), "who has left was told less"
    assert mended(head, u9=all_of_it, u2=late) == ("newer", True, 1), "who came back was not"
    assert mended(head, u3=nothing) == ("old", False, 1)
    assert mended(head) == ("old", False, 1)
    part = Said({t.ChatDescribed: t.ChatDescribed("g1", "lately")}, 8)
    assert mended(head, u2=part, u4=late) == ("lately", False, 1)
