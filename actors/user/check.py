"""What must be true of the rows of a user."""

from __future__ import annotations

from typing import Any

from actors import addresses
from actors.updates import Entry, MessageEntry
from actors.user.state import (
    BLOCKED,
    BUCKETS,
    CONTACTS,
    DIALOGS,
    HEAD,
    MAILBOX,
    PHOTO,
    RESTORE_STEP,
    RESTORED_FROM,
    SESSIONS,
    ContactRow,
    DialogRow,
    SessionRow,
    UserHead,
)
from actors.user.uploads import DISCARDED, FILES, PARTS, UPLOADS, FileRow, PartRow, UploadRow
from actors.verify.report import Facts, Report, UserFacts
from api import limits
from api import types as t
from api.files import part_bytes
from runtime.rows import Table


def _began(pts: int) -> int:
    """After which number a mailbox that is at `pts` may begin: the numbers of one that was restored
    begin anew."""
    return pts - pts % RESTORE_STEP if pts >= RESTORED_FROM else 0


class UserCheck:
    """Fed with the rows in the order of their keys: head, sessions, contacts, blocks, dialogs,
    mailbox, uploads, parts of uploads, files, bytes that came to nothing, picture."""

    tables: tuple[Table[Any, Any], ...] = (
        *(HEAD, SESSIONS, CONTACTS, BLOCKED, DIALOGS, MAILBOX),
        *(UPLOADS, PARTS, FILES, DISCARDED, PHOTO, BUCKETS),
    )

    def __init__(self, key: int, where: str, facts: Facts, report: Report) -> None:
        self._where = where
        self._report = report
        self._head: UserHead | None = None
        self._contacts = 0
        self._media_bytes = 0
        self._uploads: dict[int, UploadRow] = {}
        self._pts = 0
        self._top: dict[str, int] = {}
        self._facts = facts.users[key] = UserFacts()
        self._references = facts.references
        self._mark = addresses.user_mark(key)

    def row(self, key: Any, row: Any) -> None:
        if isinstance(row, UserHead):
            self._head = row
            self._facts.username = row.username
        elif isinstance(row, SessionRow):
            self._facts.sessions.add(key)
        elif isinstance(row, ContactRow):
            self._contacts += 1
        elif isinstance(row, DialogRow):
            self._facts.dialogs[key] = row.top_id
            if max(row.read_inbox_id, row.read_outbox_id, row.delivered_id) > row.top_id:
                self._tell(f"a mark of {key} is beyond its last message")
        elif isinstance(row, Entry):
            self._entry(key, row)
        elif isinstance(row, UploadRow):
            self._uploads[key] = row
        elif isinstance(row, PartRow):
            upload = self._uploads.get(key[0])
            if upload is None or not part_bytes(upload.size, key[1]):
                self._tell(f"part {key[1]} is of no upload {key[0]}")
        elif isinstance(row, FileRow):
            self._media_bytes += row.size
        elif isinstance(row, t.Media):
            for file_id in row.file_ids():
                self._references[(file_id, self._mark)] += 1

    def end(self) -> None:
        self._report.counts["users"] += 1
        head = self._head
        if head is None:
            self._tell("there are rows of a user who does not exist")
            return
        if self._pts != head.pts and (self._pts or head.pts != _began(head.pts)):
            self._tell(f"updates were numbered to {head.pts}, and the mailbox ends at {self._pts}")
        if head.delivered_pts > head.pts:
            self._tell("more updates are confirmed than there are")
        if head.contacts != self._contacts:
            self._tell(f"{head.contacts} contacts were counted, and {self._contacts} are there")
        if head.media_bytes != self._media_bytes:
            self._tell(f"{self._media_bytes} bytes of files are there, not {head.media_bytes}")
        for chat_id, top_id in self._top.items():
            if self._facts.dialogs.get(chat_id) != top_id:
                self._tell(f"the dialog of {chat_id} does not end with its last message {top_id}")

    def _entry(self, pts: int, entry: Entry) -> None:
        self._report.counts["updates"] += 1
        if self._pts == 0:
            latest = self._head.pts if self._head else 0
            oldest = max(_began(latest), latest - limits.MAILBOX_EVENTS_MAX)
            if pts > oldest + 1:
                self._tell(f"updates before {pts} are missing")
        elif pts != self._pts + 1:
            self._tell(f"update {self._pts + 1} is missing")
        self._pts = pts
        if isinstance(entry, MessageEntry):
            number, chat_id = entry.message_id, entry.chat_id
            if number <= self._top.get(chat_id, 0):
                self._tell(f"message {number} of {chat_id} is there twice, or too late")
            self._top[chat_id] = number

    def _tell(self, what: str) -> None:
        self._report.add(self._where, what)
