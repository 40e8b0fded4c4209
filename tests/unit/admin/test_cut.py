"""Whether the moment of a backup fits together across stores that go on sending."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.admin import cut
from heliograph.admin.cut import History, NoCut, earliest_cut, find_cut, history_of
from runtime.streams import NUMBERS, OUTBOX, WATERMARKS, system_prefix
from storage.keys import u64
from storage.port import Writes
from tests.profile import tries

PARTITIONS = (0, 1, 2)


class All:
    """Stores that are followed together."""

    def __init__(self, **stores: Store) -> None:
        self._stores = stores

    def owners(self) -> dict[int, str]:
        return {store.partition: name for name, store in self._stores.items()}

    def catch_up(self) -> dict[str, int]:
        return {name: store.catch_up() for name, store in self._stores.items()}

    def histories(self) -> dict[str, History]:
        return {name: history_of(store) for name, store in self._stores.items()}


class Store:
    """A store of one partition, as a follower shows it: what was there when it was opened, and
    records that are read by and by."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.partitions = [partition]
        self.log: list[dict[bytes, bytes | None]] = []
        self.begin = 0
        self.records = 0

    def open(self) -> None:
        self.begin = self.records = len(self.log)

    def state(self, record: int) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for writes in self.log[:record]:
            for key, row in writes.items():
                if row is None:
                    found.pop(key, None)
                else:
                    found[key] = row
        return dict(sorted(found.items()))

    def rows(self, partition: int) -> Iterator[tuple[bytes, bytes | None]]:
        yield from self.state(self.begin).items()

    def writes(self) -> Iterator[tuple[int, Writes]]:
        for number in range(self.begin + 1, self.records + 1):
            yield number, {self.partition: self.log[number - 1]}

    def catch_up(self) -> int:
        self.records = len(self.log)
        return self.records

    # --- what hosts do, a record each ---

    def _key(self, table: int, *numbers: int) -> bytes:
        return system_prefix(self.partition) + bytes([table]) + b"".join(map(u64, numbers))

    def _number(self, table: int, other: int) -> int:
        return int.from_bytes(self.state(len(self.log)).get(self._key(table, other), b""), "big")

    def send(self, target: Store) -> None:
        number = self._number(NUMBERS, target.partition) + 1
        outbox = self._key(OUTBOX, target.partition, number)
        self.log.append({outbox: b"text", self._key(NUMBERS, target.partition): u64(number)})

    def receive(self, source: Store) -> None:
        """All that the source has sent."""
        sent = source._number(NUMBERS, self.partition)
        if sent > self._number(WATERMARKS, source.partition):
            self.log.append({self._key(WATERMARKS, source.partition): u64(sent)})

    def delete(self, target: Store) -> None:
        """All that the target has received."""
        mark = target._number(WATERMARKS, self.partition)
        first = self._key(OUTBOX, target.partition, 0)
        last = self._key(OUTBOX, target.partition, mark)
        gone = [key for key in self.state(len(self.log)) if first <= key <= last]
        if gone:
            self.log.append(dict.fromkeys(gone))


def fits(stores: list[Store], records: tuple[int, ...]) -> bool:
    """Nothing lost, nothing from nowhere: by the rows alone."""
    states = [store.state(record) for store, record in zip(stores, records, strict=True)]
    for source, target in product(stores, stores):
        if source is target:
            continue
        here, there = states[source.partition], states[target.partition]
        sent = int.from_bytes(here.get(source._key(NUMBERS, target.partition), b""), "big")
        mark = int.from_bytes(there.get(target._key(WATERMARKS, source.partition), b""), "big")
        held = {
            number
            for number in range(1, sent + 1)
            if source._key(OUTBOX, target.partition, number) in here
        }
        if mark > sent or not set(range(mark + 1, sent + 1)) <= held:
            return False
    return True


def act(rng: random.Random, stores: list[Store]) -> None:
    one, other = rng.sample(stores, 2)
    rng.choice([one.send, one.receive, one.delete])(other)


@settings(max_examples=tries(150), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_cut_is_the_earliest_that_fits(seed: int) -> None:
    """Stores go on between any two looks at them."""
    rng = random.Random(seed)
    stores = [Store(partition) for partition in PARTITIONS]

    def go_on() -> None:
        for _ in range(rng.randrange(8)):
            act(rng, stores)

    go_on()
    for store in stores:
        go_on()
        store.open()
    at_least = {}
    for store in stores:
        go_on()
        at_least[f"host-{store.partition}"] = store.catch_up()
    go_on()
    for store in stores:
        go_on()
        store.catch_up()
    named = {f"host-{store.partition}": store for store in stores}
    histories = {name: history_of(store) for name, store in named.items()}
    found = earliest_cut(histories, dict(enumerate(named)), at_least)
    records = tuple(found.values())
    assert fits(stores, records)
    ranges = [range(at_least[name], store.records + 1) for name, store in named.items()]
    fitting = [any_ for any_ in product(*ranges) if fits(stores, any_)]
    assert records == tuple(map(min, zip(*fitting, strict=True)))


def test_looking_at_one_store_after_the_other_does_not_fit() -> None:
    """What the cut is for: both kinds of damage come about at once."""
    lost = before_sent = 0
    for seed in range(200):
        rng = random.Random(seed)
        stores = [Store(0), Store(1)]
        records = []
        for _ in stores:
            for _ in range(6):
                act(rng, stores)
            records.append(len(stores[len(records)].log))
        a, b = stores
        if not fits(stores, tuple(records)):
            mark = int.from_bytes(b.state(records[1]).get(b._key(WATERMARKS, 0), b""), "big")
            sent = int.from_bytes(a.state(records[0]).get(a._key(NUMBERS, 1), b""), "big")
            before_sent += mark > sent
            lost += mark <= sent
    assert lost
    assert before_sent


def test_find_cut_reads_until_it_sees_all_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = Store(0), Store(1)
    a.send(b)
    b.receive(a)
    a.delete(b)
    clock = iter([0.0, 1.0, 2.0, 2.001])
    monkeypatch.setattr(cut.time, "monotonic", lambda: next(clock))
    moment_ms, found = find_cut(All(a=a, b=b))
    assert found == {"a": 2, "b": 1}
    assert moment_ms > 1_700_000_000_000
    assert next(clock, None) is None, "the first look took too long, the second did not"


def test_streams_that_cannot_fit_are_named() -> None:
    a, b = Store(0), Store(1)
    a.send(b)
    b.receive(a)
    a.delete(b)
    b.log.clear()  # a store that was brought back by hand
    with pytest.raises(NoCut, match=r"partition 0 .* partition 1"):
        find_cut(All(a=a, b=b))
    with pytest.raises(NoCut):
        find_cut(All(a=a))


def test_a_damaged_number_stops_no_backup() -> None:
    class Damaged(Store):
        def rows(self, partition: int) -> Iterator[tuple[bytes, bytes | None]]:
            for key, _ in super().rows(partition):
                yield key, None

    a, b = Store(0), Damaged(1)
    a.send(b)
    b.receive(a)
    a.delete(b)
    b.open()
    _, found = find_cut(All(a=a, b=b))
    assert found == {"a": 2, "b": 1}
