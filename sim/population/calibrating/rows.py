"""What rows take: to become durable in batches, and to be moved from the log to LMDB; and how long
a commit takes."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, thread_time_ns

from runtime.layers import Layer
from sim.population.calibrating.figures import line, typical
from storage.engine import LmdbStore
from storage.keys import actor_prefix

ROWS_AN_ITEM = 2
"""Of a turn, at the mean; a batch has so many times the rows of its items."""
KEY_BYTES, ROW_BYTES = 10, 100
PARTITIONS = 64
SLICE_ROWS = 256
CHECKPOINT_ROWS = 10_000
"""What a busy host moves at once."""


@dataclass(frozen=True)
class Costs:
    """`commit_us`, `commit_item_us`: how long a commit takes. `batch_us`, `row_us`: its CPU, with
    that of what is done before and after it. `checkpoint_us`: CPU for a row."""

    commit_us: float
    commit_item_us: float
    batch_us: float
    row_us: float
    checkpoint_us: float


class Maker:
    """Layers of rows as turns write them: each of an actor of its own."""

    def __init__(self) -> None:
        self._random = random.Random(1)

    def layer(self, items: int) -> Layer:
        layer = Layer()
        for _ in range(items):
            prefix = actor_prefix(1, self._random.getrandbits(48))
            layer.write(
                self._random.randrange(PARTITIONS),
                prefix,
                {
                    prefix + self._random.randbytes(KEY_BYTES): self._random.randbytes(ROW_BYTES)
                    for _ in range(ROWS_AN_ITEM)
                },
            )
        return layer


def costs(
    sizes: tuple[int, ...] = (1, 5, 20, 80, 200, 400),
    rounds: int = 24,
    checkpoint_rows: int = CHECKPOINT_ROWS,
) -> Costs:
    """Measure it on the file system of temporary files: some seconds."""
    with tempfile.TemporaryDirectory(prefix="heliograph-calibrate-") as folder:
        store, maker = LmdbStore(Path(folder), range(PARTITIONS)), Maker()
        try:
            wall_us, cpu_us = zip(*(_commits(store, maker, n, rounds) for n in sizes), strict=True)
            checkpoint_us = typical(list(_checkpoints(store, maker, checkpoint_rows)))
        finally:
            store.close()
    commit_us, commit_item_us = line(sizes, wall_us)
    batch_us, item_us = line(sizes, cpu_us)
    return Costs(
        commit_us,
        commit_item_us,
        batch_us,
        item_us / ROWS_AN_ITEM,
        checkpoint_us,
    )


def _commits(store: LmdbStore, maker: Maker, items: int, rounds: int) -> tuple[float, float]:
    """Commits of so many items: how long one takes, and its CPU, in microseconds."""
    wall_us, cpu_us = [], []
    for _ in range(rounds):
        layer = maker.layer(items)
        cpu_ns = thread_time_ns()
        writes = layer.writes()
        begun_ns = perf_counter_ns()
        store.append(writes)
        wall_us.append((perf_counter_ns() - begun_ns) / 1e3)
        store.install(writes)
        cpu_us.append((thread_time_ns() - cpu_ns) / 1e3)
    return typical(wall_us), typical(cpu_us)


def _checkpoints(store: LmdbStore, maker: Maker, rows: int, rounds: int = 4) -> Iterator[float]:
    """CPU of checkpoints, in microseconds for a row."""
    _checkpoint(store)
    for _ in range(rounds):
        writes = maker.layer(rows // ROWS_AN_ITEM).writes()
        store.append(writes)
        store.install(writes)
        begun_ns = thread_time_ns()
        _checkpoint(store)
        yield (thread_time_ns() - begun_ns) / 1e3 / rows


def _checkpoint(store: LmdbStore) -> None:
    checkpoint = store.begin_checkpoint()
    checkpoint.open()
    while checkpoint.step(SLICE_ROWS):
        pass
    checkpoint.commit()
    checkpoint.finish()
