"""Every store behaves as a dictionary that survives crashes: any order of commits, reads,
checkpoints and restarts."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from storage.port import Checkpoint
from tests.profile import tries
from tests.unit.storage.stores import DISKS, PARTITIONS, commit

KEYS = st.binary(min_size=1, max_size=3)
ROWS = st.none() | st.binary(max_size=40)
BATCHES = st.dictionaries(st.sampled_from(PARTITIONS), st.dictionaries(KEYS, ROWS, max_size=6))


class StoreMachine(RuleBasedStateMachine):
    """`model` is what was appended; `installed` what reads see."""

    kind = ""

    @initialize()
    def make(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.disk = DISKS[self.kind](Path(self.folder) / "store")
        self.store = self.disk.open()
        self.model: dict[int, dict[bytes, bytes]] = {p: {} for p in PARTITIONS}
        self.moving: Checkpoint | None = None

    def _apply(self, writes: dict[int, dict[bytes, bytes | None]]) -> None:
        for partition, rows in writes.items():
            for key, row in rows.items():
                if row is None:
                    self.model[partition].pop(key, None)
                else:
                    self.model[partition][key] = row

    @rule(writes=BATCHES)
    def commit(self, writes: Any) -> None:
        commit(self.store, writes)
        self._apply(writes)

    @rule(partition=st.sampled_from(PARTITIONS), key=KEYS)
    def get(self, partition: int, key: bytes) -> None:
        assert self.store.get(partition, key) == self.model[partition].get(key)

    @rule(
        partition=st.sampled_from(PARTITIONS),
        start=st.binary(max_size=3),
        stop=st.binary(max_size=3),
        limit=st.integers(0, 5) | st.just(1_000),
        reverse=st.booleans(),
    )
    def scan(self, partition: int, start: bytes, stop: bytes, limit: int, reverse: bool) -> None:
        rows = sorted(r for r in self.model[partition].items() if start <= r[0] < stop)
        expected = (rows[::-1] if reverse else rows)[:limit]
        found = self.store.scan(partition, start, stop, limit=limit, reverse=reverse)
        assert found == expected

    @precondition(lambda self: self.moving is None)
    @rule()
    def begin_checkpoint(self) -> None:
        self.moving = self.store.begin_checkpoint()
        self.moving.open()

    @precondition(lambda self: self.moving is not None)
    @rule(rows=st.integers(1, 3))
    def step(self, rows: int) -> None:
        assert self.moving is not None
        self.moving.step(rows)

    @precondition(lambda self: self.moving is not None)
    @rule()
    def end_checkpoint(self) -> None:
        assert self.moving is not None
        while self.moving.step(10):
            pass
        self.moving.commit()
        self.moving.finish()
        self.moving = None

    @precondition(lambda self: self.moving is not None)
    @rule()
    def give_up_checkpoint(self) -> None:
        assert self.moving is not None
        self.moving.abort()
        self.moving = None

    @rule(unseen=BATCHES)
    def crash_and_restart(self, unseen: Any) -> None:
        """The last batch was appended, but the crash came before it was installed."""
        self.store.append(unseen)
        self._apply(unseen)
        if self.moving is not None:
            self.moving.abort()
            self.moving = None
        self.store.close()
        self.store = self.disk.open()

    def teardown(self) -> None:
        if self.moving is not None:
            self.moving.abort()
        self.store.close()
        shutil.rmtree(self.folder)


@pytest.mark.draws
@pytest.mark.parametrize("kind", DISKS)
def test_it_is_a_dictionary_that_survives_crashes(kind: str) -> None:
    machine = type("Machine", (StoreMachine,), {"kind": kind})
    case = machine.TestCase
    examples = 30 if kind == "lmdb" else 50
    case.settings = settings(max_examples=tries(examples), stateful_step_count=30, deadline=None)
    case().runTest()
