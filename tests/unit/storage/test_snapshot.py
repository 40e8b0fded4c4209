"""A store read by somebody else: single rows, and the heads of actors without their other rows."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from storage.engine import LmdbStore
from storage.keys import actor_prefix, prefix_of, split_key
from storage.port import BadKey
from storage.snapshot import Snapshot
from tests.unit.admin.folders import checkpoint

KEYS = {
    1: [0, 1, 255, 256, 2**53 - 1, "a", "ab", "é"],
    2: ["5.7", "5.70", "5.8"],
    3: ["g1", "p1-2"],
}
ACTORS = [(kind, key) for kind, keys in KEYS.items() for key in keys]


def test_heads_are_those_among_all_rows(tmp_path: Path) -> None:
    """Whether they are in LMDB or in the log, changed there or deleted."""
    rng = random.Random(3)
    store = LmdbStore(tmp_path, [0, 1], map_bytes=1 << 26)
    for step in range(3):
        rows: dict[bytes, bytes | None] = {actor_prefix(0, 0) + b"\x02\xff": b"the runtime's"}
        for kind, key in ACTORS:
            for table, suffix in ((0, b""), (1, b"\x00"), (1, b"\xff" * 8), (255, b"\xff")):
                if rng.random() < 0.5:
                    row = None if rng.random() < 0.3 else rng.randbytes(3)
                    rows[actor_prefix(kind, key) + bytes([table]) + suffix] = row
        store.append({0: rows})
        store.install({0: rows})
        if step == 0:
            checkpoint(store)
    store.close()
    with Snapshot(tmp_path) as snapshot:
        there = list(snapshot.rows(0))
        found = 0
        for kind in KEYS:
            heads = [pair for pair in there if pair[0][0] == kind and split_key(pair[0])[2] == 0]
            assert list(snapshot.heads(0, kind)) == heads
            found += len(heads)
        assert found > 5
        assert list(snapshot.heads(1, 1)) == list(snapshot.heads(0, 9)) == []
        assert [(key, snapshot.get(0, key)) for key, _ in there] == there
        assert snapshot.get(0, actor_prefix(1, 77) + b"\x00") is None


def test_a_damaged_row_is_none(tmp_path: Path) -> None:
    key = actor_prefix(1, 5) + b"\x00"
    store = LmdbStore(tmp_path, [0], map_bytes=1 << 26)
    store.append({0: {key: b"a head of a user"}})
    store.install({0: {key: b"a head of a user"}})
    checkpoint(store)
    store.close()
    path = tmp_path / "rows" / "data.mdb"
    path.write_bytes(path.read_bytes().replace(b"a head of", b"a hand of"))
    with Snapshot(tmp_path) as snapshot:
        assert list(snapshot.heads(0, 1)) == [(key, None)]
        assert snapshot.get(0, key) is None


@pytest.mark.parametrize(("kind", "key"), ACTORS)
def test_an_actors_keys_begin_alike(kind: int, key: int | str) -> None:
    prefix = actor_prefix(kind, key)
    for rest in (b"\x00", b"\x01\x00", b"\xff\xff\xff"):
        assert prefix_of(prefix + rest) == prefix
    with pytest.raises(BadKey):
        prefix_of(prefix)
