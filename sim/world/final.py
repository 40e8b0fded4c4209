"""What is stored when a run is over, read from the disks and not through the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from actors import addresses
from actors.chat import state as c
from actors.handle import turns as h
from actors.updates import Entry
from actors.user import state as u
from runtime.layers import StoreReads
from runtime.placement import Placement
from runtime.streams import DEAD, OUTBOX
from sim.world.cluster import Cluster
from sim.world.disk import DiskStore
from storage.keys import split_key

EVERYTHING = b"\xff" * 600
ROWS_MAX = 10**9


class StoredRows:
    """A host's rows, as verification reads them (see `actors.verify.walk.RowSource`)."""

    def __init__(self, store: StoreReads, partitions: list[int]) -> None:
        self.partitions = partitions
        self._store = store

    def rows(self, partition: int) -> Iterator[tuple[bytes, bytes | None]]:
        yield from self._store.scan(partition, b"", EVERYTHING, limit=ROWS_MAX)


@dataclass
class ChatLog:
    """A chat's messages by id, its members, past ones included, and which messages (member and id)
    these have deleted for themselves."""

    head: c.ChatHead | None = None
    messages: dict[int, c.MessageRow] = field(default_factory=dict)
    members: dict[int, c.MemberRow] = field(default_factory=dict)
    hidden: set[tuple[int, int]] = field(default_factory=set)


@dataclass
class Account:
    """A user's head and mailbox."""

    head: u.UserHead | None = None
    mailbox: dict[int, Entry] = field(default_factory=dict)
    dialogs: dict[str, u.DialogRow] = field(default_factory=dict)


@dataclass
class Final:
    """See the module. `holders`: who holds which user name. `waiting` and `dead` count messages
    between partitions that did not arrive, and that an actor failed at."""

    chats: dict[str, ChatLog] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    dead: int = 0


def sources(cluster: Cluster, placement: Placement) -> list[tuple[str, StoredRows]]:
    """Each host with what its disk holds."""
    return [
        (name, StoredRows(DiskStore(cluster.machine(name).disk), placement.led_by(name)))
        for name in placement.pooled_hosts()
    ]


Stored = Callable[[], list[tuple[str, StoredRows]]]
"""Gives what a server has stored now, by the names of its hosts."""


def read(hosts: list[tuple[str, StoredRows]]) -> Final:
    """Everything that is stored."""
    final = Final()
    for _, host in hosts:
        for partition in host.partitions:
            for key, row in host.rows(partition):
                if row is not None:
                    _row(final, key, row)
    return final


def _row(final: Final, key: bytes, row: bytes) -> None:
    kind, actor, table, suffix = split_key(key)
    if kind == 0:
        final.waiting += table == OUTBOX
        final.dead += table == DEAD
    elif kind == addresses.CHAT:
        log = final.chats.setdefault(str(actor), ChatLog())
        if table == c.HEAD.number:
            log.head = c.HEAD.decode(row)
        elif table == c.MEMBERS.number:
            log.members[c.MEMBERS.key.decode(suffix)] = c.MEMBERS.decode(row)
        elif table == c.MESSAGES.number:
            log.messages[c.MESSAGES.key.decode(suffix)] = c.MESSAGES.decode(row)
        elif table == c.HIDDEN.number:
            log.hidden.add(c.HIDDEN.key.decode(suffix))
    elif kind == addresses.USER:
        account = final.accounts.setdefault(int(actor), Account())
        if table == u.HEAD.number:
            account.head = u.HEAD.decode(row)
        elif table == u.MAILBOX.number:
            account.mailbox[u.MAILBOX.key.decode(suffix)] = u.MAILBOX.decode(row)
        elif table == u.DIALOGS.number:
            account.dialogs[u.DIALOGS.key.decode(suffix)] = u.DIALOGS.decode(row)
    elif kind == addresses.HANDLE and table == h.HEAD.number:
        final.holders[str(actor).removeprefix("username:")] = h.HEAD.decode(row).user_id
