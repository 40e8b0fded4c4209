"""Defects, put into the production code for the length of a `with`: the world must find each."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from actors.chat import changing
from actors.chat import reads as chat_reads
from actors.chat import state as chat
from actors.handle import turns as handle
from actors.handle.turns import HandleActor
from actors.updates import DeletedEntry
from actors.user.messages import TellDeleted
from actors.user.state import UserActor, user
from api import types as t
from api.methods import MarkRead
from fronts.connection import Connection
from heliograph._sync import Gate
from heliograph.admin.chat_rows import revision_of
from runtime.journal import LocalJournal
from runtime.replication.copy import Copy
from runtime.streams import OUTBOX
from sim.world.disk import Disk, DiskStore
from sim.world.faults import KINDS
from storage.keys import split_key
from storage.memory_replica import MemoryDisk, MemoryReplica
from tests.unit.runtime.replication import mutations
from tests.unit.runtime.replication.mutations import Mutate
from tests.unit.runtime.test_moves_mutations import copy_only_once


@contextmanager
def acknowledges_before_the_sync() -> Iterator[None]:
    """What is on its way to the disk counts as durable."""

    async def commit(self: LocalJournal, writes: Any, idle: bool) -> bool:
        asyncio.get_running_loop().run_in_executor(self._writer, self._store.append, writes)
        return False

    with patch.object(LocalJournal, "commit", commit):
        yield


@contextmanager
def forgets_random_ids() -> Iterator[None]:
    """What a `random_id` became is not stored."""
    with patch.object(chat.SENDS, "put", lambda turn, key, row: None):
        yield


@contextmanager
def loses_outboxes() -> Iterator[None]:
    """A crash loses what is on its way to other hosts."""
    init = DiskStore.__init__

    def begin(self: DiskStore, disk: Disk) -> None:
        for writes in disk.batches:
            for rows in writes.values():
                for key in [key for key in rows if split_key(key)[::2] == (0, OUTBOX)]:
                    del rows[key]
        init(self, disk)

    with patch.object(DiskStore, "__init__", begin):
        yield


@contextmanager
def lets_everybody_claim() -> Iterator[None]:
    """A name that is taken can be taken again."""

    def claim(self: HandleActor, user_id: int, turn: Any) -> int:
        self.head = handle.HandleHead(user_id, self.head.claim + 1)
        handle.HEAD.put(turn, None, self.head)
        return self.head.claim

    with patch.object(HandleActor, "claim", claim):
        yield


@contextmanager
def shows_everything() -> Iterator[None]:
    """Who is, or was, in a chat reads all of it."""
    access = chat_reads._access

    def all_of_it(view: Any) -> tuple[Any, Any]:
        head, member = access(view)
        return head, replace(member, first_id=1, left_id=0)

    with patch.object(chat_reads, "_access", all_of_it):
        yield


@contextmanager
def shows_what_was_deleted() -> Iterator[None]:
    """Who has deleted a message for themselves goes on reading it."""
    with patch.object(chat_reads, "hidden_of", lambda view, user_id, member, ids: set()):
        yield


@contextmanager
def deletes_half() -> Iterator[None]:
    """Of what is deleted for all, the text stays."""

    def bury(state: chat.ChatActor, number: int, row: chat.MessageRow, turn: Any) -> int:
        change = chat.Change(0)
        return revision_of(state.change(turn, number, row, change))

    with patch.object(changing, "_bury", bury):
        yield


@contextmanager
def counts_what_was_deleted() -> Iterator[None]:
    """A message that was deleted stays unread."""

    def tell(state: UserActor, message: TellDeleted, turn: Any) -> None:
        row = state.dialog(turn, message.chat_id)
        state.record(turn, DeletedEntry(message.chat_id, list(message.ids), row.unread))

    with patch.dict(user.handlers, {TellDeleted: tell}):
        yield


@contextmanager
def forgets_to_attach_again() -> Iterator[None]:
    """A connection does not notice that its host is in a new life."""
    with patch.object(Connection, "_renewed", lambda self, link: None):
        yield


@contextmanager
def counts_reads_back() -> Iterator[None]:
    """A mark of what was read moves backward, too."""

    def mark(state: chat.ChatActor, message: MarkRead, turn: Any) -> t.ReadMark:
        _, member = state.access(turn.caller.user_id)
        state.put_member(turn, turn.caller.user_id, replace(member, read_id=message.max_id))
        return t.ReadMark(message.max_id, 0)

    with patch.dict(chat.chat.handlers, {MarkRead: mark}):
        yield


@contextmanager
def passes_over_gaps() -> Iterator[None]:
    """A device takes updates as they come."""

    def push(self: Gate, pts: int, update: Any) -> list[tuple[int, Any]]:
        if self.pts is None or pts <= self.pts:
            return []
        self.pts = pts
        return [(pts, update)]

    with patch.object(Gate, "push", push):
        yield


@contextmanager
def skips_a_number() -> Iterator[None]:
    """A mailbox that was loaded anew leaves a number out."""
    init = UserActor.__init__

    def load(self: UserActor, view: Any) -> None:
        init(self, view)
        if self.head is not None and self.head.pts % 7 == 6:
            self.head = replace(self.head, pts=self.head.pts + 1)

    with patch.object(UserActor, "__init__", load):
        yield


@contextmanager
def acknowledges_before_copies_sync() -> Iterator[None]:
    """What is on its way to the disk of a copy counts as durable."""
    on_disk, init = Copy.on_disk, Copy.__init__
    synced: dict[MemoryDisk, int] = {}

    async def begin(self: Copy, work: Any, *args: Any) -> Any:
        if work != self.store.append_records:
            return await on_disk(self, work, *args)
        work(*args)
        disk, last = self.store.disk, self.store.last  # type: ignore[attr-defined]
        sync = functools.partial(synced.__setitem__, disk, last)
        asyncio.get_running_loop().run_in_executor(self._writer, sync)

    def restart(
        self: Copy, host: str, shard: int, partitions: Any, store: MemoryReplica, *others: Any
    ) -> None:
        disk = store.disk
        kept = max(synced.get(disk, disk.last), disk.applied)
        for number in [number for number in disk.records if number > kept]:
            del disk.records[number]
        init(self, host, shard, partitions, store, *others)

    with patch.object(Copy, "on_disk", begin), patch.object(Copy, "__init__", restart):
        yield


Mutation = Callable[[], AbstractContextManager[None]]


def _patched(mutate: Mutate) -> Mutation:
    @functools.wraps(mutate)
    @contextmanager
    def mutation() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            mutate(patch)
            yield

    return mutation


class Replicated(NamedTuple):
    """A defect of replication, and the kinds of faults that bring it to light."""

    mutation: Mutation
    faults: tuple[str, ...]


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        acknowledges_before_the_sync,
        _patched(mutations.forget_the_watermark),
        forgets_random_ids,
        loses_outboxes,
        lets_everybody_claim,
        shows_everything,
        shows_what_was_deleted,
        deletes_half,
        counts_what_was_deleted,
        forgets_to_attach_again,
        counts_reads_back,
        passes_over_gaps,
        skips_a_number,
    )
}

POWER = ("blackout", "crash", "slow disk")
NETWORK = ("split", "alone", "cut", "cut one way", "pause")

REPLICATED: dict[str, Replicated] = {
    mutation.__name__: Replicated(mutation, faults)
    for mutation, faults in (
        (acknowledges_before_copies_sync, POWER),
        (_patched(mutations.acknowledge_before_the_followers_have_it), NETWORK),
        (_patched(mutations.skip_the_check_of_epochs), NETWORK),
        (_patched(mutations.take_over_out_of_sync), tuple(KINDS)),
        (_patched(mutations.forget_the_watermark), POWER),
        (_patched(mutations.never_ship_again), NETWORK),
        (_patched(mutations.serve_without_a_lease), NETWORK),
        (_patched(copy_only_once), ("dedicate", "own host down", "slow way", "lossy")),
    )
}
"""Of worlds whose partitions are replicated."""
