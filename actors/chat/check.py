"""The rows of one chat."""

from __future__ import annotations

from collections import Counter
from typing import Any

from actors.chat.state import (
    ALBUMS,
    EVENTS,
    HEAD,
    HIDDEN,
    MEMBERS,
    MESSAGES,
    PHOTO,
    SENDS,
    AlbumRow,
    ChatHead,
    EventRow,
    HiddenRow,
    MemberRow,
    MessageRow,
    SendRow,
)
from actors.verify.report import ChatFacts, Facts, Report
from api import limits
from api import types as t
from runtime.rows import Table

ROLES = ("owner", "admin", "member")


class _Events:
    """The changes of a chat: the first that is there, the last, and by message its last one's
    `pts`."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.first_pts = 0
        self.number = first - 1
        self.last_id = 0
        self.latest: dict[int, int] = {}
        self.whole = True
        """Of each it is known which message it changed. (Of some that were lost it is not.)"""


class ChatCheck:
    """Fed with the rows in the order of their keys: head, members, messages, sends, picture,
    albums, changes, what members have deleted for themselves."""

    tables: tuple[Table[Any, Any], ...] = (
        *(HEAD, MEMBERS, MESSAGES, SENDS),
        *(PHOTO, ALBUMS, EVENTS, HIDDEN),
    )

    def __init__(self, key: str, where: str, facts: Facts, report: Report) -> None:
        self._where = where
        self._report = report
        self._head = ChatHead("", "", 0)
        self._next_id = 1
        self._media_bytes = 0
        self._key = key
        self._unremembered: dict[tuple[int, int], int] = {}
        self._albums: Counter[tuple[int, int]] = Counter()
        self._revisions: dict[int, int] = {}
        """Of the messages that have changed, as their rows say; less those that a change says."""
        self._events: _Events | None = None
        self._hidden: Counter[int] = Counter()
        self._facts = facts.chats[key] = ChatFacts()
        self._references = facts.references

    def row(self, key: Any, row: Any) -> None:
        if isinstance(row, ChatHead):
            self._head = row
            self._facts.last_id = row.last_id
        elif isinstance(row, MemberRow):
            self._member(key, row)
        elif isinstance(row, MessageRow):
            self._message(key, row)
        elif isinstance(row, SendRow):
            self._send(key, row)
        elif isinstance(row, t.Media):
            self._refer(row)
        elif isinstance(row, AlbumRow):
            self._album(key, row)
        elif isinstance(row, EventRow):
            self._event(key, row)
        elif isinstance(row, HiddenRow):
            self._hidden[key[0]] -= 1
            if not 0 < key[1] <= self._head.last_id:
                self._tell(f"user {key[0]} has deleted message {key[1]}, which is not there")

    def end(self) -> None:
        numbered, there = self._head.last_id, self._next_id - 1
        self._report.counts["chats"] += 1
        self._report.counts["messages"] += there
        if there != numbered:
            self._tell(f"{numbered} messages were numbered, and {there} are there")
        if self._head.media_bytes != self._media_bytes:
            self._tell(
                f"{self._media_bytes} bytes of files are there, not {self._head.media_bytes}"
            )
        self._end_events()
        for user_id, more in self._hidden.items():
            if more:
                words = "more" if more > 0 else "fewer"
                self._tell(f"{words} deletions of user {user_id} were counted than are there")
        for (sender, _), message_id in self._unremembered.items():
            self._tell(f"a resend of message {message_id} of user {sender} would double it")

    def _member(self, user_id: int, row: MemberRow) -> None:
        self._facts.members[user_id] = row.left_id or self._head.last_id
        self._hidden[user_id] += row.hidden
        if row.role not in ROLES:
            self._tell(f"user {user_id} has the role {row.role!r}")
        for name in ("left_id", "delivered_id", "read_id", "told_delivered_id", "told_read_id"):
            if getattr(row, name) > self._head.last_id:
                self._tell(f"{name} of user {user_id} is beyond the last message")

    def _message(self, message_id: int, row: MessageRow) -> None:
        if message_id != self._next_id:
            self._tell(f"message {self._next_id} is missing")
        self._next_id = message_id + 1
        unknown = row.deleted and not row.from_id  # mended without knowing whose it was
        if row.from_id not in self._facts.members and not unknown:
            self._tell(f"message {message_id} is from user {row.from_id}, who was never a member")
        if row.change is not None:
            self._revisions[message_id] = row.change.revision
            if not 0 < row.change.revision <= self._head.pts:
                self._tell(f"change {row.change.revision} of message {message_id} is none")
        if row.album:
            self._albums[row.from_id, row.album] += 1
        if row.media is not None:
            self._media_bytes += row.media.size
            self._refer(row.media)
        if row.random_id and message_id > self._head.last_id - limits.RANDOM_IDS_PER_CHAT_MAX:
            send = (row.from_id, row.random_id)
            if send in self._unremembered:
                self._tell(f"messages {self._unremembered[send]} and {message_id} are one send")
            self._unremembered[send] = message_id

    def _send(self, send: tuple[int, int], row: SendRow) -> None:
        message_id = self._unremembered.pop(send, 0)
        # Once, a send that a service message made too old was not forgotten.
        old = row.message_id <= self._head.last_id - limits.RANDOM_IDS_PER_CHAT_MAX
        if row.message_id != message_id and not (old and not message_id):
            self._tell(f"a send of user {send[0]} points at message {row.message_id}")

    def _album(self, album: tuple[int, int], row: AlbumRow) -> None:
        there = self._albums[album]
        if row.messages > there:  # fewer, where it was begun before they were counted
            self._tell(f"{row.messages} messages of an album were counted, and {there} are there")

    def _event(self, number: int, row: EventRow) -> None:
        known, pts = self._events, number + row.last_id
        if known is None:
            known = self._events = _Events(number)
            known.first_pts = pts
        if number != known.number + 1 or not known.last_id <= row.last_id <= self._head.last_id:
            self._tell(f"the change before {number} is missing")
        known.number, known.last_id = number, row.last_id
        if row.message_id:
            known.latest[row.message_id] = pts
        else:
            known.whole = False

    def _end_events(self) -> None:
        """The latest changes are there, and every message says which was its last."""
        changes = self._head.changes
        known = self._events or _Events(1)
        if known.number != changes:
            self._tell(f"{changes} changes were numbered, and {known.number} are there")
        if known.first > max(1, changes - limits.CHAT_EVENTS_MAX + 1):
            self._tell(f"changes before {known.first} are missing")
        if not known.whole:
            return
        for message_id, pts in known.latest.items():
            if self._revisions.pop(message_id, 0) != pts:
                self._tell(f"message {message_id} is not as change {pts} has left it")
        for message_id, revision in self._revisions.items():
            if known.first == 1 or revision >= known.first_pts:
                self._tell(f"change {revision} of message {message_id} is missing")

    def _refer(self, media: t.Media) -> None:
        for file_id in media.file_ids():
            self._references[(file_id, self._key)] += 1

    def _tell(self, what: str) -> None:
        self._report.add(self._where, what)
