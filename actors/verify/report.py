"""What verification found, and what it gathers on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

FINDINGS_MAX = 1_000
"""Of more, only the number is told."""


class Finding(Struct, frozen=True):
    """Something that is not as it must be. `where`: an actor, or a file of a host."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Report:
    """`counts` says what was looked at: rows, users, chats, messages ..."""

    findings: list[Finding] = field(default_factory=list)
    findings_total: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not self.findings_total

    def add(self, where: str, what: str) -> None:
        self.findings_total += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(where, what))

    def lasting(self, earlier: Report) -> Report:
        """This report with only those findings that an earlier one has as well."""
        if self.findings_total > FINDINGS_MAX:
            return self
        known = set(map(str, earlier.findings))
        found = [finding for finding in self.findings if str(finding) in known]
        return Report(found, len(found), self.counts)


class Chunks(Protocol):
    """The chunks of files."""

    def has(self, name: bytes) -> bool: ...

    def get(self, name: bytes) -> bytes | None:
        """None where there is no whole one."""


@dataclass
class ChatFacts:
    """`members`: user id to the last message that is theirs to see."""

    last_id: int = 0
    members: dict[int, int] = field(default_factory=dict)


@dataclass
class UserFacts:
    """`dialogs`: chat id to the id of the last message that the mailbox has of it."""

    username: str = ""
    dialogs: dict[str, int] = field(default_factory=dict)
    sessions: set[int] = field(default_factory=set)


@dataclass
class Facts:
    """What has to fit together across partitions. Streams are (source, target): the number of the
    last message sent, the numbers that wait in the outbox, and the receiver's watermark. By file
    and by chat or user (`addresses.of_mark`): `references`, how often it refers to the file, and
    `referred`, of how many times the file's actor knows. `chunks`: None where they cannot be
    looked at."""

    chunks: Chunks | None = None
    chats: dict[str, ChatFacts] = field(default_factory=dict)
    users: dict[int, UserFacts] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    sessions: set[tuple[int, int]] = field(default_factory=set)
    sent: dict[tuple[int, int], int] = field(default_factory=dict)
    waiting: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    watermarks: dict[tuple[int, int], int] = field(default_factory=dict)
    references: Counter[tuple[str, str]] = field(default_factory=Counter)
    referred: dict[tuple[str, str], int] = field(default_factory=dict)

    def under_way(self, source: int, target: int) -> bool:
        """Whether messages from one partition to another have not taken effect yet."""
        stream = (source, target)
        return self.sent.get(stream, 0) > self.watermarks.get(stream, 0)
