"""How long it takes to write the rows of a store anew (`heliograph admin erase`):
`python -m tests.bench.rewrite_bench [--rows 1000000]`. Rows of 150 bytes that nothing compresses,
in one store that is idle. Prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from actors import addresses
from storage.engine import LmdbStore
from storage.keys import actor_prefix
from storage.rewrite import rewrite
from tests.bench.rejoin_bench import checkpoint

ROW_BYTES = 150
BATCH = 5_000


def fill(store: LmdbStore, rows: int) -> None:
    """By batches, each of rows all over the store, as messages of many chats are."""
    for number in range(rows // BATCH):
        suffix = b"\x02" + number.to_bytes(8, "big")
        keys = (actor_prefix(addresses.CHAT, f"g{chat}") + suffix for chat in range(BATCH))
        writes: dict[int, dict[bytes, bytes | None]] = {
            0: {key: os.urandom(ROW_BYTES) for key in keys}
        }
        store.append(writes)
        store.install(writes)
        if store.due(time.monotonic()):
            checkpoint(store)
    checkpoint(store)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = LmdbStore(Path(folder), [0])
        fill(store, options.rows)
        file = Path(folder) / "rows" / "data.mdb"
        before = file.stat().st_size
        begun_s = time.perf_counter()
        rewrite(store, time.time_ns() // 1_000_000)
        figures = {
            "rows": options.rows,
            "seconds": round(time.perf_counter() - begun_s, 2),
            "mb_before": round(before / 1e6, 1),
            "mb_after": round(file.stat().st_size / 1e6, 1),
        }
        store.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
