"""What it costs to be able to take back records (see docs/adr/0009-log-first-copies.md): the copy
that there is, which applies rows when they are committed, against one that applies them at once and
keeps the rows of before. `python -m tests.bench.rejoin_bench [--json]`, by turns, in one process.

The records are those of the production handlers: pairs of people who write to each other.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from storage.engine import LmdbCheckpoint, LmdbStore
from storage.layout import rows_of
from storage.port import Writes
from storage.replica import KEPT_SEGMENTS, LmdbReplica, encode_record
from tests.bench.engine_bench import Bench

PARTITION = 0
CHECKPOINT_RECORDS = 1_000
"""Two seconds of them at full load: about as many as a checkpoint takes along."""
COMMITTED = b"committed"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, Writes]).decode


class UndoReplica(LmdbStore):
    """A copy that shows the rows of a record at once. Beside each record its log has the rows of
    before, in the same write; it is cut off only up to what is committed. That is all a follower
    needs: deleting them costs nothing, and a record is still synced once."""

    _keep_segments = KEPT_SEGMENTS

    def __init__(self, folder: Path) -> None:
        self.committed = 0
        super().__init__(folder, [PARTITION])

    def _recover(self) -> None:
        self.committed = int(self._reader.get(COMMITTED, b"0", db=self._meta))
        self._moved = self.installed
        super()._recover()

    def _replay(self, payload: bytes) -> None:
        self.install(rows_of(_decode(payload)[0]))

    def append_records(self, records: Sequence[bytes]) -> None:
        fresh: dict[bytes, bytes | None] = {}
        payloads, shown = [], []
        for record in records:
            rows = rows_of(record).get(PARTITION, {})
            before = {key: fresh[key] if key in fresh else self.get(PARTITION, key) for key in rows}
            fresh.update(rows)
            payloads.append(_encode((record, {PARTITION: before})))
            shown.append({PARTITION: rows})
        self._log.append(*payloads)
        for writes in shown:
            self.install(writes)

    def settle(self, upto: int) -> None:
        self.committed = max(self.committed, upto)

    def begin_checkpoint(self) -> LmdbCheckpoint:
        moving = super().begin_checkpoint()
        real, committed = moving.commit, self.committed

        def commit() -> None:
            assert moving._txn is not None
            moving._txn.put(COMMITTED, b"%d" % committed, db=self._meta)
            real()

        moving.commit = commit  # type: ignore[method-assign]
        return moving

    def finish_checkpoint(self, applied: int) -> None:
        self._moved = applied
        super().finish_checkpoint(min(applied, self.committed))

    def truncate(self, after: int) -> None:
        """Write back the oldest of the rows of before. Where LMDB has newer ones already, it must
        have these before the log that can bring them back is cut."""
        images: dict[bytes, bytes | None] = {}
        for payload in self._log.read(after, 1 << 40) or ():
            for key, row in _decode(payload)[1][PARTITION].items():
                images.setdefault(key, row)
        self.install({PARTITION: images})
        self.installed = after
        if self._moved > after:
            checkpoint(self)
        self._log.truncate(after)

    @property
    def last(self) -> int:
        return self._log.last


def log_first(folder: Path) -> LmdbReplica:
    return LmdbReplica(folder, [PARTITION])


WAYS: dict[str, Callable[[Path], Any]] = {"log first": log_first, "undo records": UndoReplica}


class Recording(Bench):
    """Makes records of what the handlers write, as if all were one partition."""

    def __init__(self, folder: Path) -> None:
        self.records: list[bytes] = []
        super().__init__(folder)

    def commit(self) -> None:
        layer = self.engine.cut()
        if layer is None:
            return
        writes = layer.writes()
        self.store.install(writes)
        self.engine.settle()
        rows: dict[bytes, bytes | None] = {}
        for part in writes.values():
            assert not rows.keys() & part.keys(), "keys say whose they are"
            rows.update(part)
        self.records.append(encode_record(1, {PARTITION: rows}))

    def go_on(self, records: int, batch: int) -> None:
        for _ in range(records):
            self.run_batch(self.sends(batch))


def checkpoint(store: Any) -> None:
    moving = store.begin_checkpoint()
    moving.open()
    while moving.step(256):
        pass
    moving.commit()
    moving.finish()


def feed(store: Any, records: Sequence[bytes], *, commit: bool) -> None:
    """Have a follower take records, one message each; that one is committed comes with the next."""
    for record in records:
        committed = store.last
        store.append_records([bytes(bytearray(record))])  # as it comes from a socket
        if commit:
            store.settle(committed)
        if store.last % CHECKPOINT_RECORDS == 0:
            checkpoint(store)


def written_bytes() -> int:
    """By this process, in calls that write."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


@contextmanager
def measured(into: dict[str, float], name: str) -> Any:
    gc.collect()
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    yield
    into[f"{name}_ms"] = round((time.perf_counter() - wall_s) * 1e3, 2)
    into[f"{name}_cpu_ms"] = round((time.process_time() - cpu_s) * 1e3, 2)


def running(ways: dict[str, Any], turns: list[list[bytes]], batch: int) -> dict[str, Any]:
    """CPU and bytes of a follower that nothing happens to; the cheapest turn of each."""
    found: dict[str, Any] = {name: {} for name in ways}
    for records in turns:
        for name, store in ways.items():
            gc.collect()
            bytes_before, cpu_s = written_bytes(), time.process_time()
            feed(store, records, commit=True)
            cost = (time.process_time() - cpu_s) / len(records) * 1000
            size = (written_bytes() - bytes_before) / len(records) / batch
            best = found[name]
            best["cpu_s_per_1000_records"] = round(
                min(cost, best.get("cpu_s_per_1000_records", cost)), 3
            )
            best["bytes_per_message"] = round(min(size, best.get("bytes_per_message", size)))
    return found


def rejoining(name: str, store: Any, folder: Path, tail: list[bytes]) -> tuple[Any, dict[str, Any]]:
    """Hold a tail, crash, start, show everything as a new leader must; or take it back."""
    found: dict[str, Any] = {}
    base = store.last
    store.settle(base)
    checkpoint(store)
    expected = scan(store)
    gc.collect()
    tracemalloc.start()
    feed(store, tail, commit=False)
    gc.collect()
    found["held_kb"] = round(tracemalloc.get_traced_memory()[0] / 1024)
    tracemalloc.stop()
    store.close()
    with measured(found, "restart"):
        store = WAYS[name](folder)
    with measured(found, "take_back"):
        store.truncate(base)
    assert (store.last, scan(store)) == (base, expected), "exactly the tail is lost"
    store.close()
    store = WAYS[name](folder)
    store.settle(base)
    assert (store.last, scan(store)) == (base, expected), "for good"
    feed(store, tail, commit=False)
    with measured(found, "show_as_leader"):
        store.settle(store.last)
    return store, found


def scan(store: Any) -> int:
    """A figure of all rows."""
    return hash(tuple(store.scan(PARTITION, b"", b"\xff" * 512, limit=1 << 30)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8, help="messages in a record")
    parser.add_argument("--turns", type=int, default=4, help="of 1,000 records")
    parser.add_argument("--tails", type=int, nargs="*", default=[1, 100, 10_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as name:
        root = Path(name)
        bench = Recording(root / "load")
        bench.go_on(2_000 + 1_000 * options.turns + sum(options.tails), options.batch)
        records = iter(bench.records)
        ways = {way: make(root / way) for way, make in WAYS.items()}
        before = list(itertools.islice(records, 2_000))
        for store in ways.values():
            feed(store, before, commit=True)
        turns = [list(itertools.islice(records, 1_000)) for _ in range(options.turns)]
        found = running(ways, turns, options.batch)
        for count in options.tails:
            tail = list(itertools.islice(records, count))
            for way in ways:
                ways[way], rejoined = rejoining(way, ways[way], root / way, tail)
                found[way][f"tail of {count}"] = rejoined
        rows = sum(len(rows_of(record)[PARTITION]) for record in turns[0]) / 1_000
        found["record"] = {
            "messages": options.batch,
            "rows": round(rows, 1),
            "bytes": round(sum(map(len, turns[0])) / 1_000),
        }
        for store in ways.values():
            store.close()
    print(json.dumps(found) if options.json else json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
