"""Whatever comes between: an actor that moves does what one that stays does. Moves at random times
among random traffic; hosts crash, parcels and receipts get lost, late and doubled."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from api.errors import ApiError
from runtime import moves
from runtime.placement import MOVED_BASE, own_partition
from runtime.refs import ActorRef
from runtime.wire import Receipt, Shipment
from tests.profile import tries
from tests.unit.runtime.kit import LookAll, Once, Relay, Remind
from tests.unit.runtime.moving import MovingRig

FULL = ApiError("storage_full", "no room", 1.0)
CLIENTS = 3


class MovesMachine(RuleBasedStateMachine):
    """The first decimal place of an amount says who is the sender: a client of the chat (0 to 2),
    or a user that passes on (3 and up). `durable`: what a user has sent for good, in order."""

    @initialize(small=st.booleans())
    def make(self, small: bool) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(moves, "COPY_ROWS_MAX", 2 if small else 100)
        self.patch.setattr(moves, "COPIES_PER_STEP", 1)
        self.patch.setattr(moves, "COPIES_AHEAD_MAX", 3)
        self.rig = MovingRig()
        self.chat, *_ = self.rig.at("host-0", kind="chat")
        self.users = [*self.rig.at("host-0", 2), *self.rig.at("host-1", 2)]
        self.numbers = itertools.count(1)
        self.asked: dict[int, int] = {}
        self.to: dict[int, int] = {}
        self.shipments: list[Shipment] = []
        self.receipts: list[Receipt] = []
        self.unsure: dict[str, list[Receipt]] = {}
        self.cut: set[tuple[int, int]] = set()
        for client in range(CLIENTS):
            self.command(client, None)
        self.rig.settle()

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        try:
            self.check()
        finally:
            self.patch.undo()

    # --- traffic ---

    def amount(self, sender: int) -> int:
        return 10 * next(self.numbers) + sender

    @rule(client=st.integers(0, CLIENTS - 1), to=st.none() | st.integers(0, 3))
    def command(self, client: int, to: int | None) -> None:
        """A client's command to the chat, which may tell a user of it."""
        amount = self.amount(client)
        other = None if to is None else self.users[to]
        self.asked[amount] = self.rig.begin(self.chat, Once(amount, other))
        if to is not None:
            self.to[amount] = to

    @rule(user=st.integers(0, 3), to=st.none() | st.integers(0, 3))
    def pass_on(self, user: int, to: int | None) -> None:
        """A user tells the chat, which may tell another one. Said once: it would be said again
        after a crash."""
        amount, way = self.amount(3 + user), [self.chat]
        if to not in (None, user):
            self.to[amount] = to
            way.append(self.users[to])
        self.rig.post(self.users[user], Relay(amount, way))

    @rule(after_ms=st.integers(1, 3_000))
    def remind(self, after_ms: int) -> None:
        """Said once, too, so that it may come to nothing."""
        amount = self.amount(8)
        message = Remind(f"{amount}", self.rig.now_ms + after_ms, amount)
        self.asked[amount] = self.rig.post(self.chat, message)

    @rule()
    def dedicate(self) -> None:
        self.rig.dedicate(self.chat)

    # --- what hosts and the network do ---

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self.rig.deliver(data.draw(st.sampled_from(sorted(self.rig.queues))))

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        self.commit_one(data.draw(st.sampled_from(self.rig.names)))

    def commit_one(self, name: str) -> bool:
        self.receipts += self.unsure.pop(name, [])
        return self.rig.commit(name)

    @rule(data=st.data())
    def ship(self, data: st.DataObject) -> None:
        engine = self.rig.engines[data.draw(st.sampled_from(self.rig.names))]
        for stream in sorted(engine.streams.waiting(engine.led)):
            shipment = engine.streams.shipment(*stream)
            if shipment is not None:
                self.shipments.append(shipment)

    @rule(data=st.data())
    def ship_again(self, data: st.DataObject) -> None:
        engine = self.rig.engines[data.draw(st.sampled_from(self.rig.names))]
        for stream in engine.streams.waiting(engine.led):
            engine.streams.rewind(*stream)

    @precondition(lambda self: self.shipments)
    @rule(data=st.data(), again=st.booleans())
    def arrive(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.shipments) - 1))
        shipment = self.shipments[at] if again else self.shipments.pop(at)
        name = self.rig.placement.host(shipment.target)
        self.unsure.setdefault(name, []).append(self.rig.engine_of(name).receive(shipment))

    @precondition(lambda self: self.receipts)
    @rule(data=st.data(), again=st.booleans())
    def acknowledge(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.receipts) - 1))
        receipt = self.receipts[at] if again else self.receipts.pop(at)
        engine = self.rig.engines[self.rig.placement.host(receipt.source)]
        engine.streams.acknowledge(engine.pending.open, receipt)

    @rule(user=st.integers(2, 3))
    def freeze(self, user: int) -> None:
        """The chat is about to leave, but what it has told a user does not arrive."""
        self.cut_off(user)
        self.command(0, user)
        self.dedicate()
        self.flow()

    @rule(user=st.integers(2, 3))
    def cut_off(self, user: int) -> None:
        """Nothing of the chat's old partition comes to a user, until it is mended."""
        place = self.rig.placement.partition
        self.cut.add((place(self.chat), place(self.users[user])))

    @rule()
    def cut_off_the_new_place(self) -> None:
        self.cut.add((self.rig.placement.partition(self.chat), own_partition(self.chat)))

    @rule(all_of_it=st.booleans())
    def mend(self, all_of_it: bool) -> None:
        self.cut = {cut for cut in self.cut if cut[1] >= MOVED_BASE and not all_of_it}

    @rule(user=st.integers(2, 3), client=st.integers(0, CLIENTS - 1))
    def leave(self, user: int, client: int) -> None:
        """The chat leaves, and fronts know it before its new place has heard of it."""
        self.freeze(user)
        self.cut_off_the_new_place()
        self.mend(all_of_it=False)
        self.command(client, user)
        self.flow()

    @rule()
    def flow(self) -> None:
        """All goes well for a while, but where something is cut."""
        rig = self.rig
        moving = True
        while moving:
            moving = any(rig.deliver(name) for name in list(rig.queues))
            moving |= any(self.commit_one(name) for name in list(rig.names))
            for name in list(rig.names):
                engine = rig.engines[name]
                streams = engine.streams.waiting(engine.led) - self.cut
                moving |= any(rig.ship_one(*stream, name) for stream in sorted(streams))

    @rule(ms=st.sampled_from((10, 500, 2_500)))
    def time_passes(self, ms: int) -> None:
        self.rig.now_ms += ms
        for engine in self.rig.engines.values():
            engine.fire_timers()

    @rule(data=st.data(), how=st.sampled_from(("crash", "appended", "full")))
    def lose(self, data: st.DataObject, how: str) -> None:
        name = data.draw(st.sampled_from(self.rig.names))
        self.unsure.pop(name, None)
        if how == "full":
            engine = self.rig.engines[name]
            engine.cut()
            for _, out in engine.give_up(FULL):
                self.rig.asked.pop(out.number, None)
        else:
            self.rig.crash(name, appended=how == "appended")

    # --- what must come of it ---

    def check(self) -> None:
        rig = self.rig
        for engine in rig.engines.values():
            for stream in engine.streams.waiting(engine.led):
                engine.streams.rewind(*stream)
        for _ in range(8):
            rig.settle()
            rig.now_ms += 2_500
            for engine in list(rig.engines.values()):
                engine.fire_timers()
        rig.settle()
        chat = self.log(self.chat)
        assert len(chat) == len(set(chat)), "something was done twice"
        logs = {user: self.log(user) for user in self.users}
        for number, user in enumerate(self.users):
            sent = [amount for amount in logs[user] if amount % 10 == 3 + number]
            assert [amount for amount in chat if amount % 10 == 3 + number] == sent
        for client in range(CLIENTS):
            mine = [amount for amount in chat if amount % 10 == client]
            assert mine == sorted(mine), "a command overtook"
        for number, user in enumerate(self.users):
            told = [amount for amount in logs[user] if amount % 10 != 3 + number]
            assert told == [amount for amount in chat if self.to.get(amount) == number]
        for amount, number in self.asked.items():
            answer = rig.answers.get(number)
            if isinstance(answer, bytes):
                assert amount in chat, "what was answered is lost"
            elif amount % 10 < CLIENTS:
                assert answer is not None or number not in rig.asked, "it is never answered"
        for name in rig.names:
            engine = rig.engines[name]
            assert not engine.streams.waiting(engine.led)
            assert not engine.failures
            assert not engine.moves.busy

    def log(self, ref: ActorRef) -> list[int]:
        found: list[int] = self.rig.ask(ref, LookAll())
        return found


MovesMachine.TestCase.settings = settings(
    max_examples=tries(200), stateful_step_count=60, deadline=None
)
TestMoves = MovesMachine.TestCase
