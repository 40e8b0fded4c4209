"""A moment that fits together across stores.

Hosts send each other numbered messages (`runtime.streams`). In a set of stores, each as it
was after some record, every stream from a partition a to a partition b has to hold:

    what a has deleted from its outbox  <=  b's watermark  <=  what a has numbered

On the left, a message would be lost that a no longer holds and b does not have. On the right, b
would have the effect of a message that a never sent, and a would give its number to another one,
which b then takes for known.

Such a set is found as follows. All stores are followed (`storage.backup.follower`); then the end of
each log is noted, quickly; then the logs are read on. At any instant in
between, the stores did fit together, because a message leaves only when it is durable and is
deleted only when its effect is. So at or after the ends that were noted, and within what was read,
there is a set that fits. Both conditions only ever ask for a later record of one store because of
what another one shows; so going on from the noted ends to the first record that will do, until
nothing more is asked for, finds the earliest such set. It holds everything that was durable when
the noting began, and nothing that became so after it ended.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

from api.ambient import now_ms
from runtime.streams import NUMBERS, OUTBOX, WATERMARKS
from storage.backup.manifest import BackupError
from storage.keys import split_key
from storage.port import Writes

Stream = tuple[int, int]
"""Source and target partition."""

SIGHT_S = 0.002
"""The ends of all logs should be noted within this, less than two commits and the way between them
take, so that not even what a client does because of an answer comes between."""
SIGHTS_MAX = 20


class NoCut(BackupError):
    """The streams of these stores do not fit together."""


class Followed(Protocol):
    """What is needed of `storage.backup.follower.Follower`."""

    partitions: list[int]
    begin: int

    def rows(self, partition: int) -> Iterable[tuple[bytes, bytes | None]]: ...
    def writes(self) -> Iterable[tuple[int, Writes]]: ...


class AllFollowed(Protocol):
    """What is needed of `heliograph.admin.stores.Stores`."""

    def owners(self) -> dict[int, str]: ...
    def catch_up(self) -> dict[str, int]: ...
    def histories(self) -> dict[str, History]: ...


class Series:
    """A number that only grows: its values with the records that brought them."""

    def __init__(self, record: int = 0, value: int = 0) -> None:
        self._points = [(record, value)]

    def grow(self, record: int, value: int) -> None:
        if value > self._points[-1][1]:
            self._points.append((record, value))

    def at(self, record: int) -> int:
        """The value after a record."""
        return self._points[bisect_right(self._points, record, key=itemgetter(0)) - 1][1]

    def first(self, value: int) -> int | None:
        """The first record after which it is at least this."""
        at = bisect_left(self._points, value, key=itemgetter(1))
        return self._points[at][0] if at < len(self._points) else None


_NEVER = Series()


@dataclass
class History:
    """What a store's records say of its streams. `unreadable`: those with a damaged row."""

    sent: dict[Stream, Series] = field(default_factory=dict)
    gone: dict[Stream, Series] = field(default_factory=dict)
    mark: dict[Stream, Series] = field(default_factory=dict)
    unreadable: set[Stream] = field(default_factory=set)

    def note(self, record: int, partition: int, key: bytes, row: bytes | None) -> None:
        """A row of the streams that a record has changed."""
        _, _, table, suffix = split_key(key)
        other = int.from_bytes(suffix[:8], "big")
        if table == OUTBOX and row is None:
            _grow(self.gone, (partition, other), record, int.from_bytes(suffix[8:], "big"))
        elif table == NUMBERS and row is not None:
            _grow(self.sent, (partition, other), record, int.from_bytes(row, "big"))
        elif table == WATERMARKS and row is not None:
            _grow(self.mark, (other, partition), record, int.from_bytes(row, "big"))


def _grow(values: dict[Stream, Series], stream: Stream, record: int, value: int) -> None:
    series = values.get(stream)
    if series is None:
        series = values[stream] = Series()
    series.grow(record, value)


def history_of(store: Followed) -> History:
    """What LMDB held, and what each record changed."""
    history = History()
    for partition in store.partitions:
        _begin(history, store, partition)
    for record, writes in store.writes():
        for partition, rows in writes.items():
            for key, row in rows.items():
                if key[0] == 0:
                    history.note(record, partition, key, row)
    return history


def _begin(history: History, store: Followed, partition: int) -> None:
    waiting: dict[Stream, int] = {}
    for key, row in store.rows(partition):
        if key[0] != 0:
            break  # the runtime's own rows come first
        _, _, table, suffix = split_key(key)
        other = int.from_bytes(suffix[:8], "big")
        if table == OUTBOX:
            waiting.setdefault((partition, other), int.from_bytes(suffix[8:], "big"))
        elif row is None and table in (NUMBERS, WATERMARKS):
            stream = (partition, other) if table == NUMBERS else (other, partition)
            history.unreadable.add(stream)
        elif table in (NUMBERS, WATERMARKS):
            history.note(store.begin, partition, key, row)
    for stream, sent in history.sent.items():
        if stream[0] == partition:
            gone = waiting.get(stream, sent.at(store.begin) + 1) - 1
            _grow(history.gone, stream, store.begin, gone)


def earliest_cut(
    histories: Mapping[str, History], owners: Mapping[int, str], at_least: Mapping[str, int]
) -> dict[str, int]:
    """The earliest records from `at_least` on at which all streams fit, by store. `owners`: which
    store a partition is in. Raises NoCut."""
    cut = dict(at_least)
    unreadable = {stream for history in histories.values() for stream in history.unreadable}
    streams = {s for h in histories.values() for kind in (h.sent, h.gone, h.mark) for s in kind}
    moved = True
    while moved:
        moved = False
        for stream in streams - unreadable:
            moved |= _fit(stream, histories, owners, cut)
    return cut


def _fit(
    stream: Stream, histories: Mapping[str, History], owners: Mapping[int, str], cut: dict[str, int]
) -> bool:
    """Go on in one of the two stores of a stream if it has to be; returns whether it was."""
    source, target = owners.get(stream[0]), owners.get(stream[1])
    if source == target:
        return False  # one record holds both
    sender = histories[source] if source else History()
    receiver = histories[target] if target else History()
    mark = receiver.mark.get(stream, _NEVER)
    sent = sender.sent.get(stream, _NEVER)
    gone = sender.gone.get(stream, _NEVER)
    deleted = gone.at(cut[source]) if source else 0
    effective = mark.at(cut[target]) if target else 0
    if deleted > effective:
        return _go_on(stream, cut, target, mark.first(deleted))
    if effective > (sent.at(cut[source]) if source else 0):
        return _go_on(stream, cut, source, sent.first(effective))
    return False


def _go_on(stream: Stream, cut: dict[str, int], store: str | None, record: int | None) -> bool:
    if store is None or record is None:
        raise NoCut(
            f"what partition {stream[0]} sent and what partition {stream[1]} has of it do not fit"
        )
    assert record > cut[store]
    cut[store] = record
    return True


def find_cut(
    stores: AllFollowed, ends: Mapping[str, int] | None = None
) -> tuple[int, dict[str, int]]:
    """A moment (Unix ms) and a record of each store, so that the streams between them fit, and
    everything that was durable at the moment is there; `ends`: of stores that nobody writes to, to
    be taken up to there. Raises NoCut, CorruptLog."""
    for _ in range(SIGHTS_MAX):
        stores.catch_up()  # what takes long
        moment_ms, begin_s = now_ms(), time.monotonic()
        at_least = stores.catch_up()
        if time.monotonic() - begin_s <= SIGHT_S:
            break
    stores.catch_up()
    cut = earliest_cut(stores.histories(), stores.owners(), ends or at_least)
    if ends and cut != dict(ends):
        raise NoCut("what the copies of all shards have in common does not fit together")
    return moment_ms, cut
