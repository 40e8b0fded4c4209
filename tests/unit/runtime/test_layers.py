"""The layers over the store: turns see everything before them, reads what is committed."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from runtime.layers import Committed, Layer, Pending
from runtime.wire import PUSH, Out
from storage.memory import MemoryStore
from tests.profile import tries

ACTORS = (b"\x01a", b"\x01b")
SUFFIXES = st.binary(min_size=1, max_size=2)
ROWS = st.none() | st.binary(max_size=2)
Model = dict[bytes, bytes]


def applied(model: Model, writes: dict[bytes, bytes | None]) -> Model:
    merged = {**model, **writes}
    return {key: row for key, row in merged.items() if row is not None}


class LayersMachine(RuleBasedStateMachine):
    """`committed` is what the store shows, `pending` what turns see."""

    @initialize()
    def make(self) -> None:
        self.store = MemoryStore()
        self.layers = Pending(self.store)
        self.reads = Committed(self.store)
        self.committed: Model = {}
        self.pending: Model = {}
        self.at_cut: Model = {}

    @rule(actor=st.sampled_from(ACTORS), rows=st.dictionaries(SUFFIXES, ROWS, max_size=4))
    def write(self, actor: bytes, rows: dict[bytes, bytes | None]) -> None:
        writes = {actor + suffix: row for suffix, row in rows.items()}
        self.pending = applied(self.pending, writes)
        self.layers.open.write(0, actor, writes)

    @precondition(lambda self: self.layers.flying is None)
    @rule()
    def cut(self) -> None:
        self.layers.flying, self.layers.open = self.layers.open, Layer()
        self.at_cut = self.pending

    @precondition(lambda self: self.layers.flying is not None)
    @rule()
    def land(self) -> None:
        assert self.layers.flying is not None
        writes = self.layers.flying.writes()
        self.store.append(writes)
        self.store.install(writes)
        self.layers.flying = None
        self.committed = self.at_cut

    @precondition(lambda self: self.layers.flying is not None)
    @rule()
    def lose(self) -> None:
        """The disk was full: both layers are forgotten."""
        self.layers.flying, self.layers.open = None, Layer()
        self.pending = self.committed

    @rule(actor=st.sampled_from(ACTORS), suffix=SUFFIXES)
    def row(self, actor: bytes, suffix: bytes) -> None:
        key = actor + suffix
        assert self.layers.row(0, actor, key) == self.pending.get(key)
        assert self.reads.row(0, actor, key) == self.committed.get(key)

    @rule(
        actor=st.sampled_from(ACTORS),
        start=st.binary(max_size=2),
        stop=st.binary(max_size=2) | st.just(b"\xff\xff\xff"),
        limit=st.integers(1, 4) | st.just(100),
        reverse=st.booleans(),
    )
    def range(self, actor: bytes, start: bytes, stop: bytes, limit: int, reverse: bool) -> None:
        first, last = actor + start, actor + stop
        for layers, model in ((self.layers, self.pending), (self.reads, self.committed)):
            rows = sorted(row for row in model.items() if first <= row[0] < last)
            expected = (rows[::-1] if reverse else rows)[:limit]
            assert list(layers.rows(0, actor, first, last, limit, reverse)) == expected


LayersMachine.TestCase.settings = settings(
    max_examples=tries(150), stateful_step_count=30, deadline=None
)
TestLayers = LayersMachine.TestCase


def test_a_layer_without_effects_needs_no_commit() -> None:
    assert not Layer()
    layer = Layer()
    layer.turns = 5
    assert not layer
    for change in ("rows", "outs", "ephemeral"):
        layer = Layer()
        if change == "rows":
            layer.write(0, b"a", {b"ab": b"1"})
        elif change == "outs":
            layer.outs.append(("front", Out(PUSH, 1, b"x")))
        else:
            layer.ephemeral["host-1"] = [b"x"]
        assert layer, change


def test_the_store_gets_rows_by_partition() -> None:
    layer = Layer()
    layer.write(3, b"a", {b"a1": b"x", b"a2": None})
    layer.write(5, b"b", {b"b1": b"y"})
    layer.write(3, b"c", {b"c1": b"z"})
    layer.write(3, b"a", {b"a1": b"later"})
    assert layer.writes() == {3: {b"a1": b"later", b"a2": None, b"c1": b"z"}, 5: {b"b1": b"y"}}
