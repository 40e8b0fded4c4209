"""What is known of the changes of a chat's messages, where some of its rows are lost.

Every change is an event of the chat, stands in the row of its message as long as it is the last one
of it, and was told to the mailboxes of the members. Whatever of these is left says that a row of a
backup is older than what became of it since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from actors.chat.state import Change, ChatHead, EventRow, MessageRow
from actors.updates import (
    DeletedEntry,
    DescribedEntry,
    EditedEntry,
    Entry,
    MessageEntry,
    SaidEntry,
    said,
)
from api import limits
from api import types as t
from heliograph.admin.chat_rows import ChatRows


class Known(NamedTuple):
    """A change of a message by the chat's `pts`; `date_ms` 0: not known when. `among`: of so many
    deletions at once that somebody was told of, which were all, or some."""

    pts: int
    message_id: int
    deleted: bool
    date_ms: int = 0
    among: int = 1


def told_in(chat_id: str, entries: Iterable[Entry]) -> list[Known]:
    """What a mailbox tells of a chat's changes. (Of several deletions at once it tells the last
    one's `pts`.)"""
    found = []
    for entry in entries:
        if isinstance(entry, EditedEntry) and entry.chat_id == chat_id:
            found.append(Known(entry.revision, entry.message_id, False))
        elif isinstance(entry, DeletedEntry) and entry.chat_id == chat_id and entry.revision:
            first = entry.revision - len(entry.ids) + 1
            some = len(entry.ids)
            found += [Known(first + at, n, True, 0, some) for at, n in enumerate(entry.ids)]
    return found


class Said(NamedTuple):
    """What a mailbox says of a chat where no message of the chat does: the last update of each
    type; and the first message of the chat that is in the mailbox (0: none), from which on it says
    all."""

    updates: dict[type, t.ChatUpdate]
    since: int


def said_in(chat_id: str, entries: Iterable[Entry]) -> Said:
    """`entries`: in the order of their numbers."""
    updates: dict[type, t.ChatUpdate] = {}
    since = 0
    for entry in entries:
        match entry:
            case MessageEntry(of, message_id) if of == chat_id:
                since = since or message_id
            case DescribedEntry() | SaidEntry() if (update := said(entry)).chat_id == chat_id:
                updates[type(update)] = update
    return Said(updates, since)


def hidden_in(chat_id: str, entries: Iterable[Entry]) -> set[int]:
    """The messages of a chat that somebody has deleted for themselves, as their mailbox tells."""
    return {
        number
        for entry in entries
        if isinstance(entry, DeletedEntry) and entry.chat_id == chat_id and not entry.revision
        for number in entry.ids
    }


class Changes:
    """See the module. `count`: how many there have been, as far as it is known; `backups` are those
    that share the chat's past, `last_id` is its last message."""

    def __init__(
        self, here: ChatRows, backups: list[ChatRows], told: Iterable[Known], last_id: int
    ) -> None:
        self.events: dict[int, EventRow] = {}
        """By number, wherever they were found."""
        for rows in (*backups[::-1], here):
            self.events |= {n: row for n, row in rows.events.items() if row is not None}
        self._known: dict[tuple[bool, int], Known] = {}
        for change in sorted(told, key=lambda change: change.among):
            self._add(change)  # who was told of the most knows best which was which
        for rows in (*backups, here):
            for number, row in rows.messages.items():
                if row is not None and row.change is not None:
                    self._add(Known(row.change.revision, number, row.deleted, _date_of(row.change)))
        for number, event in self.events.items():
            pts = number + event.last_id
            self._add(Known(pts, event.message_id, event.deleted, event.date_ms))
        self._latest: dict[int, Known] = {}
        for change in sorted(self._known.values()):
            self._latest[change.message_id] = change
        heads = [rows.head.changes for rows in (here, *backups) if rows.head is not None]
        highest = max((change.pts for change in self._known.values()), default=0)
        numbers = [number for rows in (here, *backups) for number in rows.events]
        self.count = max(0, *heads, *numbers, highest - last_id)

    def _add(self, change: Known) -> None:
        """A message is deleted once; every edit has a number of its own."""
        key = (change.deleted, change.message_id if change.deleted else change.pts)
        self._known[key] = change

    def latest(self, message_id: int) -> Known | None:
        """The last change of a message, as far as it is known."""
        return self._latest.get(message_id)

    def known_since(self, head: ChatHead | None) -> bool:
        """Whether all changes since a backup with this head are known."""
        changes, pts = (0, 0) if head is None else (head.changes, head.pts)
        return sum(change.pts > pts for change in self._known.values()) >= self.count - changes

    def missing(self, here: ChatRows) -> tuple[dict[int, EventRow], int]:
        """The events that `here` lacks, and of how many it is not known what they were: these say
        message 0."""
        first = max(1, self.count - limits.CHAT_EVENTS_MAX + 1)
        wanted = [n for n in range(first, self.count + 1) if here.events.get(n) is None]
        unknown = [n for n in wanted if n not in self.events]
        events = self.events | self._placed(unknown)
        return {n: events[n] for n in wanted}, sum(not events[n].message_id for n in unknown)

    def _placed(self, unknown: list[int]) -> dict[int, EventRow]:
        """Which of the known changes the events with these numbers were: between two that are
        there, if there are as many of both, in their order."""
        numbered = {number + event.last_id for number, event in self.events.items()}
        homeless = sorted(c for c in self._known.values() if c.pts not in numbered)
        placed: dict[int, EventRow] = {}
        while unknown:
            run = [n for at, n in enumerate(unknown) if n == unknown[0] + at]
            unknown = unknown[len(run) :]
            before, after = self.events.get(run[0] - 1), self.events.get(run[-1] + 1)
            least = run[0] - 1 + before.last_id if before else 0
            most = run[-1] + 1 + after.last_id if after else float("inf")
            found = [change for change in homeless if least < change.pts < most]
            if len(found) == len(run):
                for n, change in zip(run, found, strict=True):
                    event = EventRow(
                        change.message_id, change.pts - n, change.date_ms, change.deleted
                    )
                    placed[n] = event
            else:
                last_id = before.last_id if before else 0
                placed |= {n: EventRow(0, last_id, 0) for n in run}
        return placed


def _date_of(change: Change) -> int:
    return change.deleted_ms or change.edited_ms


def buried(row: MessageRow | None, change: Known, send: tuple[int, int] | None) -> MessageRow:
    """The tombstone of a message that was deleted; `row`: as a backup has it; `send`: whose send it
    was, where that is known."""
    date_ms = change.date_ms or (row.date_ms if row is not None else 1)
    grave = Change(change.pts, deleted_ms=date_ms)
    if row is None:
        sender, random_id = send or (0, 0)
        return MessageRow(sender, date_ms, "", random_id, change=grave)
    return MessageRow(row.from_id, row.date_ms, "", row.random_id, change=grave)
