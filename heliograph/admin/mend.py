"""What of a chat's rows is lost, and what it has to be: nothing is read or written here.

A message is as of its last change, and every change to a group is a message, or was told to all
members (`as_told`), so a chat can be put together again. A lost message is taken from a backup,
unless it was changed since: what was deleted comes back as a tombstone, and an older text never. A
lost head or member is taken from a backup too, and brought up to date by the service messages since
and by what members' mailboxes say. What a `random_id` became stands in the messages. Rows that pass
their check are never touched, but the count of an album that has lost messages, and the number of
messages that a member has deleted; and the number of the last message never goes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec.structs import replace

from actors.chat.group import as_told
from actors.chat.state import (
    AlbumRow,
    ChatHead,
    EventRow,
    HiddenRow,
    MemberRow,
    MessageRow,
    SendRow,
)
from api import limits
from heliograph.admin.changes import Changes, Known, Said, buried
from heliograph.admin.chat_rows import ChatRows, revision_of


@dataclass
class Mended:
    """Rows to be written, and what could not be found (`lost`). `photo_removed`: the row of the
    picture, which may have been released since the backup, is deleted."""

    head: ChatHead | None = None
    members: dict[int, MemberRow] = field(default_factory=dict)
    messages: dict[int, MessageRow] = field(default_factory=dict)
    sends: dict[tuple[int, int], SendRow | None] = field(default_factory=dict)
    albums: dict[tuple[int, int], AlbumRow] = field(default_factory=dict)
    events: dict[int, EventRow] = field(default_factory=dict)
    hidden: dict[tuple[int, int], HiddenRow] = field(default_factory=dict)
    photo_removed: bool = False
    lost: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        single = (self.head is not None) + self.photo_removed
        tables = (self.members, self.messages, self.sends, self.albums, self.events, self.hidden)
        return single + sum(len(rows) for rows in tables)


def mend(
    here: ChatRows,
    backups: Iterable[ChatRows],
    last_id: int,
    told: Iterable[Known] = (),
    hidden: Iterable[tuple[int, int]] = (),
    said: Mapping[int, Said] = MappingProxyType({}),
) -> Mended:
    """What has to be written so that the chat is whole. `backups`: newest first, those that share
    its past; `last_id`: the highest id that anybody has seen of it; `told`: the changes of which
    mailboxes tell; `hidden`: what members have deleted for themselves, as theirs do; `said`: what
    else mailboxes say of it, by user."""
    last_id, past = max(last_id, here.last_id), list(backups)
    changes = Changes(here, past, told, last_id)
    mended = Mended()
    for number in range(1, last_id + 1):
        if here.messages.get(number) is None:
            _mend_message(number, here, past, changes, mended)
    base = next((backup for backup in past if backup.head is not None), ChatRows())
    then = _replayed(base, here, mended, last_id)
    for user_id in then.members.keys() | here.members.keys():
        if here.members.get(user_id) is not None:
            continue
        member = then.members.get(user_id)
        if member is None:
            mended.lost.append(f"member {user_id} is in no backup")
        else:
            mended.members[user_id] = member
    _mend_sends(here, mended, last_id)
    _mend_albums(here, mended)
    mended.events, unknown = changes.missing(here)
    if unknown:
        mended.lost.append(f"of {unknown} changes of messages it is not known what they were")
    _mend_hidden(here, past, hidden, mended)
    known_at = base.head.last_id if base.head is not None else 1
    _mend_head(here, then, last_id, changes.count, known_at, said, mended)
    if here.photo_damaged:
        mended.photo_removed = True
        mended.lost.append("the picture of the group: set it again")
    return mended


def _mend_message(
    number: int, here: ChatRows, backups: list[ChatRows], changes: Changes, mended: Mended
) -> None:
    """From the newest backup that has it, if it is still what it was then."""
    backup, row = next(
        ((each, row) for each in backups if (row := each.messages.get(number)) is not None),
        (ChatRows(), None),
    )
    last = changes.latest(number)
    if last is not None and last.deleted:
        sends = (s for s, sent in here.sends.items() if sent and sent.message_id == number)
        mended.messages[number] = buried(row, last, next(sends, None))
    elif row is None:
        mended.lost.append(f"message {number} is in no backup")
    elif last is not None and last.pts > revision_of(row):
        mended.lost.append(f"message {number} was edited since the backup that has it")
    elif not row.deleted and not changes.known_since(backup.head):
        mended.lost.append(f"message {number} may have been deleted since the backup that has it")
    else:
        mended.messages[number] = row


def _mend_head(
    here: ChatRows,
    then: ChatRows,
    last_id: int,
    changes: int,
    known_at: int,
    said: Mapping[int, Said],
    mended: Mended,
) -> None:
    head = here.head or then.head
    if head is None:
        mended.lost.append("what the chat is called and of which kind it is, is in no backup")
        return
    if here.head is None and head.kind == "group":
        head = _as_said(head, known_at, then, said, mended)
    messages = here.messages | mended.messages
    size = sum(row.media.size for row in messages.values() if row and row.media is not None)
    right = replace(head, last_id=last_id, changes=changes, media_bytes=size)
    if right != here.head:
        mended.head = right


def _as_said(
    head: ChatHead, before: int, then: ChatRows, said: Mapping[int, Said], mended: Mended
) -> ChatHead:
    """As members were told, where no message says it. `before`: the last message that the head is
    known to be right for. Who is in the group since then, and whose mailbox goes back to that, was
    told all that came since."""
    members = [
        (row.first_id, user) for user, row in then.members.items() if row and not row.left_id
    ]
    told = [(first_id, said[user_id]) for first_id, user_id in sorted(members) if user_id in said]
    whole = [item for item in told if item[0] <= before and 0 < item[1].since <= before]
    for _, one in whole[:1] or reversed(told):
        for update in one.updates.values():
            head = as_told(head, update)
    if not whole:
        words = "what no message says of the group may be older: look at it, and set it again"
        mended.lost.append(words)
    return head


def _mend_hidden(
    here: ChatRows,
    backups: list[ChatRows],
    told: Iterable[tuple[int, int]],
    mended: Mended,
) -> None:
    """What members have deleted for themselves: the key says it all. Where fewer are there than
    were counted, or the count is lost, they come from backups and from what was told."""
    mended.hidden = {key: HiddenRow(0) for key, row in here.hidden.items() if row is None}
    members = here.members | mended.members
    there = Counter(user_id for user_id, _ in here.hidden)
    short = {u for u, row in members.items() if row is not None and row.hidden > there[u]}
    short |= mended.members.keys()
    for key in told:
        if key[0] in short and key not in here.hidden:
            mended.hidden[key] = HiddenRow(0)
    for backup in backups:
        for key, row in backup.hidden.items():
            if key[0] in short and key not in here.hidden:
                mended.hidden.setdefault(key, row or HiddenRow(0))
    there = Counter(user_id for user_id, _ in here.hidden.keys() | mended.hidden.keys())
    for user_id, member in members.items():
        if member is None or member.hidden == there[user_id]:
            continue
        if member.hidden > there[user_id] and user_id not in mended.members:
            missing = member.hidden - there[user_id]
            words = f"{missing} messages that user {user_id} has deleted for themselves are shown"
            mended.lost.append(f"{words} to them again")
        mended.members[user_id] = replace(member, hidden=there[user_id])


def _replayed(base: ChatRows, here: ChatRows, mended: Mended, last_id: int) -> ChatRows:
    """The head and members of a backup, brought up to date by the service messages since."""
    head = base.head
    members = {user_id: row for user_id, row in base.members.items() if row is not None}
    for number in range(head.last_id + 1 if head else 1, last_id + 1):
        message = mended.messages.get(number) or here.messages.get(number)
        if message is not None and message.action is not None:
            head = _act(head, members, number, message)
    return ChatRows(head, dict(members))


def _act(
    head: ChatHead | None, members: dict[int, MemberRow], number: int, message: MessageRow
) -> ChatHead | None:
    """What a service message did, as `actors.chat.group` does it."""
    assert message.action is not None
    kind, user_id, text = message.action
    by, row = message.from_id, members.get(user_id)
    if kind == "group_created":
        members[by] = MemberRow("owner", message.date_ms, number)
        return ChatHead("group", text, message.date_ms)
    if kind == "renamed":
        return head and replace(head, title=text)
    if kind == "member_added":
        members[user_id] = MemberRow("member", message.date_ms, number)
    elif row is None:
        return head
    elif kind in ("member_left", "member_removed"):
        members[user_id] = replace(row, role="member", left_id=number)
    elif kind in ("admin_added", "admin_removed"):
        members[user_id] = replace(row, role="admin" if kind == "admin_added" else "member")
    elif kind == "owner_changed":
        members[user_id] = replace(row, role="owner")
        if by in members:
            members[by] = replace(members[by], role="admin")
    return head


def _mend_sends(here: ChatRows, mended: Mended, last_id: int) -> None:
    """A repeated send of a message that is there must find it; a damaged row that no message
    explains is of one that is forgotten, unless messages are lost."""
    wanted: dict[tuple[int, int], SendRow] = {}
    for number in range(max(1, last_id - limits.RANDOM_IDS_PER_CHAT_MAX + 1), last_id + 1):
        message = mended.messages.get(number) or here.messages.get(number)
        if message is not None and message.random_id:
            wanted[(message.from_id, message.random_id)] = SendRow(number, message.date_ms)
    for send, row in wanted.items():
        if here.sends.get(send) is None:
            mended.sends[send] = row
    if not mended.lost:
        damaged = (send for send, row in here.sends.items() if row is None)
        mended.sends |= dict.fromkeys((send for send in damaged if send not in wanted), None)


def _mend_albums(here: ChatRows, mended: Mended) -> None:
    """Albums of which the row is damaged, or messages came back or are lost, are counted again."""
    there = _albums({**here.messages, **mended.messages})
    unknown = [album for album, row in here.albums.items() if row is None]
    unknown += [album for album in _albums(mended.messages) if album not in here.albums]
    if mended.lost:
        known = [(album, row) for album, row in here.albums.items() if row is not None]
        unknown += [album for album, row in known if row.messages > there[album]]
    mended.albums |= {album: AlbumRow(there[album]) for album in unknown}


def _albums(messages: Mapping[int, MessageRow | None]) -> Counter[tuple[int, int]]:
    """How many of them are in each album of each sender."""
    return Counter((row.from_id, row.album) for row in messages.values() if row and row.album)
