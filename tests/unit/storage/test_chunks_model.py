"""Whatever is done to a store of chunks, it has what a dictionary has."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from api.files import chunk_hash
from storage.chunk_changes import Checked
from storage.chunks import ChunkStore
from tests.profile import tries

DATA = [bytes([n]) * (1 << (2 * n)) for n in range(9)]
NAMES = [chunk_hash(data) for data in DATA]
ROOTS = [bytes([65 + n]) * 32 for n in range(3)]
chunks = st.integers(0, len(DATA) - 1)
times = st.integers(1, 5)
roots = st.sampled_from(ROOTS)


class Model:
    """What is known of a chunk."""

    def __init__(self, touched_ms: int) -> None:
        self.touched_ms = touched_ms
        self.damaged = False
        self.holders: set[bytes] = set()


class Chunks(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = self.open()
        self.model: dict[bytes, Model] = {}

    def open(self) -> ChunkStore:
        return ChunkStore(self.folder, reserve_bytes=0, step_bytes=0)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(n=chunks, now_ms=times)
    def put(self, n: int, now_ms: int) -> None:
        known = self.model.get(NAMES[n])
        written = self.store.put(NAMES[n], DATA[n], now_ms)
        assert written == (known is None or known.damaged)
        known = self.model.setdefault(NAMES[n], Model(now_ms))
        known.touched_ms = max(known.touched_ms, now_ms)
        known.damaged = False

    @rule(root=roots, which=st.sets(chunks), now_ms=times)
    def hold(self, root: bytes, which: set[int], now_ms: int) -> None:
        names = [NAMES[n] for n in which]
        missing = self.store.hold(root, names, now_ms)
        assert missing == [n for n in names if n not in self.model or self.model[n].damaged]
        for name in set(names) - set(missing):
            known = self.model[name]
            known.touched_ms = max(known.touched_ms, now_ms)
            known.holders.add(root)

    @rule(n=chunks, touched_ms=times, condemned=st.sets(roots))
    def drop(self, n: int, touched_ms: int, condemned: set[bytes]) -> None:
        known = self.model.get(NAMES[n])
        dropped = self.store.drop(NAMES[n], touched_ms, sorted(condemned))
        if known is None or known.touched_ms != touched_ms:
            assert not dropped
            return
        known.holders -= condemned
        assert dropped == (not known.holders)
        if dropped:
            del self.model[NAMES[n]]

    @rule(n=chunks, whole=st.booleans())
    def check(self, n: int, whole: bool) -> None:
        self.store.commit([Checked(NAMES[n], whole)], 9)
        if NAMES[n] in self.model:
            self.model[NAMES[n]].damaged = not whole

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open()

    @invariant()
    def is_as_it_should_be(self) -> None:
        found = dict(self.store.scan(b"", 100))
        assert list(found) == sorted(self.model)
        assert found == dict(zip(found, self.store.facts(list(found)), strict=True))
        for name, data in zip(NAMES, DATA, strict=True):
            known = self.model.get(name)
            assert self.store.holders(name) == sorted(known.holders if known else ())
            assert self.store.get(name) == (data if known else None)
            if known:
                assert found[name].touched_ms == known.touched_ms
                assert found[name].damaged == known.damaged
        stored = sum(facts.stored_bytes for facts in found.values())
        raw = sum(facts.raw_bytes for facts in found.values())
        assert self.store.stats()[:3] == (len(self.model), raw, stored)


TestChunks = Chunks.TestCase
TestChunks.settings = settings(max_examples=tries(40), stateful_step_count=30, deadline=None)
