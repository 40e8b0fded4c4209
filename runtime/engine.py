"""The engine: executes turns for the partitions that this host leads, and collects what they want
to happen. Synchronous and pure: no clock, no I/O but reads of the store, no Ray. The host
(`runtime.pipeline`), the unit tests and the simulator drive the same engine.

A command and everything that it causes within this host (a cascade) is executed whole before the
next one, and a layer is only cut between cascades: what a cascade wrote becomes durable in one
batch, so messages within the host need no outbox. Messages to partitions of other hosts go into
the outbox rows of the sender's partition (`runtime.streams`).
"""

from __future__ import annotations

import logging
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from api.errors import ApiError
from api.frames import encode as to_json
from runtime import wire
from runtime.kind import Kind
from runtime.layers import Committed, Layer, Pending, StoreReads
from runtime.messages import Dedicate, WhereIs
from runtime.moves import Moves
from runtime.placement import Placement
from runtime.refs import ActorRef
from runtime.streams import Streams
from runtime.timers import Timers
from runtime.turn import Message, ReadView, Turn, envelope_of, message_in
from runtime.wire import MOVED, REFUSE, REPLY, Out, Refusal, ReplyTo, Request
from storage.keys import actor_prefix
from storage.port import BadKey, CorruptRow

log = logging.getLogger(__name__)

CASCADE_TURNS_MAX = 100_000
NOT_YET = "the disk is full; this may still be done when there is room: repeat it"


class Resident:
    """An actor in memory. `facts`: its entry in `Engine.volatile`; most have none."""

    __slots__ = ("facts", "kind", "partition", "prefix", "state")

    def __init__(
        self, kind: Kind, partition: int, prefix: bytes, facts: dict[Any, Any] | None
    ) -> None:
        self.kind = kind
        self.partition = partition
        self.prefix = prefix
        self.facts = facts
        self.state: Any = None


class Engine:
    """See the module. `clock` gives Unix milliseconds that pass evenly (`runtime.steady`),
    `calendar` those of the machine's clock, to be shown (None: the same). `resident_max` bounds the
    actors in memory: beyond it those unused for longest are dropped, their rows being all there is
    to them."""

    def __init__(
        self,
        *,
        kinds: Mapping[str, Kind],
        placement: Placement,
        led: Iterable[int],
        store: StoreReads,
        clock: Callable[[], int],
        calendar: Callable[[], int] | None = None,
        rng: random.Random,
        resident_max: int = 100_000,
    ) -> None:
        self.kinds = kinds
        self.placement = placement
        self.led = frozenset(led)
        self.clock = clock
        self.calendar = calendar or clock
        self.rng = rng
        self.resident_max = resident_max
        self.pending = Pending(store)
        self.committed = Committed(store)
        self.residents: OrderedDict[ActorRef, Resident] = OrderedDict()
        self.volatile: dict[ActorRef, dict[Any, Any]] = {}
        self.streams = Streams(self.pending, placement)
        self.timers = Timers(self.pending, self.led)
        self.read_only = False
        self.turns = self.refusals = self.failures = 0
        self._queue: deque[Message] = deque()
        self._now_ms = self._date_ms = 0
        self._alone = placement.is_alone(self.led)
        """All actors live in this host: nothing has to be routed."""
        self._apart: set[tuple[int, int]] = set()
        """Streams within this host that go through the outbox: see `keep_apart`."""
        self.moves = Moves(self)
        self._partition = lru_cache(maxsize=65_536)(self.moves.place)

    # --- what comes in ------------------------------------------------------------------------

    def command(self, front: str, request: Request) -> None:
        """Execute a front's request, with its cascade. The answer is among the outs."""
        reply_to = ReplyTo(front, request.number)
        try:
            message = wire.decode_request_message(request)
        except (msgspec.MsgspecError, KeyError) as error:
            self.refuse(reply_to, ApiError("bad_request", f"{error}"))
            return
        try:
            if self.moves.on and self.moves.take(front, request):
                return
            if type(message) is Dedicate:
                self.moves.dedicate(request.target, reply_to)
                return
            if type(message) is WhereIs:
                self.moves.tell_where(request.target, reply_to)
                return
        except ApiError as error:
            self.refuse(reply_to, error)
            return
        except Exception as error:
            self.refuse(reply_to, self._report(request.target, message, error))
            return
        if self._partition(request.target) not in self.led:
            self.refuse(reply_to, ApiError("unavailable", "this partition has moved", 0.1))
        elif request.read:
            self._read(request.target, message, request, reply_to)
        else:
            self._queue.append(Message(request.target, message, request.caller, reply_to))
            self._drain()

    def execute(self, message: Message) -> None:
        """Execute a message that waited, with its cascade."""
        self._queue.append(message)
        self._drain()

    def receive(self, shipment: wire.Shipment) -> wire.Receipt:
        """Execute messages of another host's partition, each once; what came before is skipped.
        One that cannot be read (a newer version sent it) waits in its outbox, and with it what
        comes after. The receipt holds once the current layer is durable."""
        source, target = shipment.source, shipment.target
        mark = self._watermark(shipment)
        if mark is None or target not in self.led or self.read_only or shipment.first > mark + 1:
            return self.receipt(shipment)
        layer = self.pending.open
        answered = len(layer.outs)
        for raw in shipment.envelopes[mark + 1 - shipment.first :]:
            try:
                message = message_in(raw)
            except msgspec.MsgspecError as error:
                log.error("message %d of %d to %d: %s", mark + 1, source, target, error)
                break
            self._queue.append(message)
            self._drain()
            mark += 1
        layer.received.update((front, out.number) for front, out in layer.outs[answered:])
        self.streams.advance(source, target, mark)
        return wire.Receipt(source, target, mark)

    def receipt(self, shipment: wire.Shipment) -> wire.Receipt:
        """How far the stream of a shipment has taken effect."""
        mark = self._watermark(shipment)
        return wire.Receipt(
            shipment.source, shipment.target, shipment.first - 1 if mark is None else mark
        )

    def _watermark(self, shipment: wire.Shipment) -> int | None:
        """None where the row is damaged: the stream waits until it is mended."""
        try:
            return self.streams.watermark(shipment.source, shipment.target)
        except CorruptRow as error:
            self.failures += 1
            log.error("messages of %d to %d wait: %s", shipment.source, shipment.target, error)
            return None

    def receive_ephemeral(self, raw: msgspec.Raw) -> None:
        """Execute an ephemeral message of another host, if this version can read it."""
        try:
            message = message_in(raw)
        except msgspec.MsgspecError:
            return
        if self._partition(message.target) in self.led:
            self._queue.append(message)
            self._drain()

    def keep_apart(self, streams: Iterable[tuple[int, int]]) -> None:
        """What waits in these streams, asked before any turn, comes before what is sent from now
        on, also where both ends are led here: it was sent when partitions were dealt out in another
        way. So messages go through the outbox until all of it has taken effect."""
        self._apart = {stream for stream in streams if stream[1] in self.led}
        self._alone = not self._apart and self.placement.is_alone(self.led)

    def arrived(self, source: int, target: int) -> None:
        """Some of a stream has taken effect, and is not in the outbox any more."""
        if (source, target) in self._apart and self.streams.oldest(source, target) is None:
            self.keep_apart(self._apart - {(source, target)})

    def fire_timers(self) -> None:
        """Execute what is due."""
        if self.read_only:
            return
        for ref, content in self.timers.take_due(self.clock()):
            self._queue.append(Message(ref, content))
            self._drain()

    def forget_front(self, front: str) -> None:
        """A front is gone: tell the actors that knew connections of it."""
        for ref, facts in list(self.volatile.items()):
            lost = self.kinds[ref.kind].front_lost
            if lost is not None:
                self._queue.extend(Message(ref, content) for content in lost(front, facts))
        self._drain()

    # --- layers -------------------------------------------------------------------------------

    def cut(self) -> Layer | None:
        """The layer to be made durable next; None if there is nothing, or one is on its way."""
        pending = self.pending
        if pending.flying is None and self.moves.busy:
            self.moves.step()
        if pending.flying is not None or not pending.open:
            return None
        pending.flying, pending.open = pending.open, Layer()
        return pending.flying

    def settle(self) -> None:
        """The flying layer is durable and the store shows it."""
        self.pending.flying = None

    def give_up(self, error: ApiError) -> list[tuple[str, Out]]:
        """Nothing of the flying layer could be made durable (the disk is full), so nothing that
        was built upon it holds either: forget both layers, and refuse whoever waits for them. What
        came by a stream is in its outbox and comes again: of that it is only said that it is not
        known yet."""
        refused = wire.encode(Refusal.of(error))
        unknown = wire.encode(Refusal("unavailable", NOT_YET, error.retry_after))
        outs: list[tuple[str, Out]] = []
        for layer in filter(None, (self.pending.flying, self.pending.open)):
            for front, out in layer.outs:
                if out.op in (REPLY, REFUSE, MOVED):
                    again = (front, out.number) in layer.received
                    outs.append((front, Out(REFUSE, out.number, unknown if again else refused)))
        self.pending.flying, self.pending.open = None, Layer()
        self.residents.clear()
        self.streams.forget()
        self.timers.forget()
        outs += ((front, Out(REFUSE, number, refused)) for front, number in self.moves.forget())
        return outs

    # --- turns --------------------------------------------------------------------------------

    def _drain(self) -> None:
        queue = self._queue
        turns = 0
        self._now_ms, self._date_ms = self.clock(), self.calendar()
        while queue:
            self._turn(queue.popleft())
            turns += 1
            assert turns < CASCADE_TURNS_MAX, "a cascade that does not end"
        self.turns += turns
        self.pending.open.turns += turns

    def _activate(self, ref: ActorRef) -> Resident:
        resident = self.residents.get(ref)
        if resident is not None:
            self.residents.move_to_end(ref)
            return resident
        kind = self.kinds[ref.kind]
        prefix = actor_prefix(kind.number, ref.key)
        return Resident(kind, self._partition(ref), prefix, self.volatile.get(ref))

    def _turn(self, message: Message) -> None:
        ref, content, caller, reply_to = message
        try:
            if self.moves.on and self.moves.divert(message):
                return
            resident = self._activate(ref)
        except (BadKey, KeyError, CorruptRow, AssertionError) as error:
            self._fail(message, error)
            return
        facts = resident.facts or {}
        had_facts = bool(facts)
        turn = Turn(
            self.pending,
            ref,
            resident.partition,
            resident.prefix,
            caller,
            self._now_ms,
            facts,
            self.rng,
            reply_to,
            self._date_ms,
        )
        try:
            if resident.state is None:
                resident.state = resident.kind.load(turn)
                self._admit(ref, resident)
            answer = resident.kind.handlers[type(content)](resident.state, content, turn)
            payload = None if answer is None or turn.answer_to is None else to_json(answer)
            if self.read_only and (turn.writes or turn.sent or turn.timers):
                raise ApiError("storage_full", "the disk is full; nothing was changed", 1.0)
        except ApiError as error:
            self.residents.pop(ref, None)
            self.refuse(reply_to, error)
            return
        except Exception as error:
            self.residents.pop(ref, None)
            self._fail(message, error)
            return
        if had_facts != bool(facts):
            if had_facts:
                del self.volatile[ref]
                resident.facts = None
            else:
                self.volatile[ref] = resident.facts = facts
        self._take_effect(turn, resident, payload)

    def _take_effect(self, turn: Turn, resident: Resident, payload: bytes | None) -> None:
        layer = self.pending.open
        if turn.writes:
            if self.moves.on:
                self.moves.mirror(turn.ref, turn.writes)
            layer.write(resident.partition, resident.prefix, turn.writes)
        if turn.timers:
            self.timers.change(layer, resident.partition, turn.ref, turn.timers)
        if payload is not None and turn.answer_to is not None:
            front, number = turn.answer_to.front, turn.answer_to.request
            layer.outs.append((front, Out(REPLY, number, payload)))
        if turn.outs:
            layer.outs.extend(turn.outs)
        if self._alone:
            self._queue.extend(turn.sent)
            self._queue.extend(turn.told)
            return
        led, queue, apart = self.led, self._queue, self._apart
        for message in turn.sent:
            target = self._partition(message.target)
            if target in led and (not apart or (resident.partition, target) not in apart):
                queue.append(message)
            else:
                self.streams.post(layer, resident.partition, target, envelope_of(message))
        for message in turn.told:
            target = self._partition(message.target)
            if target in led:
                queue.append(message)
            else:
                host = self.placement.host(target)
                layer.ephemeral.setdefault(host, []).append(envelope_of(message))

    def _admit(self, ref: ActorRef, resident: Resident) -> None:
        self.residents[ref] = resident
        if len(self.residents) > self.resident_max:
            self.residents.popitem(last=False)

    def _read(self, ref: ActorRef, message: Any, request: Request, reply_to: ReplyTo) -> None:
        try:
            kind = self.kinds[ref.kind]
            view = ReadView(
                self.committed,
                ref,
                self._partition(ref),
                actor_prefix(kind.number, ref.key),
                request.caller,
                self.clock(),
                self.volatile.get(ref, {}),
                self.calendar(),
            )
            payload = to_json(kind.readers[type(message)](view, message))
        except ApiError as error:
            self.refuse(reply_to, error)
        except Exception as error:
            self.refuse(reply_to, self._report(ref, message, error))
        else:
            out = Out(REPLY, reply_to.request, payload)
            self.pending.open.outs.append((reply_to.front, out))

    # --- refusals -----------------------------------------------------------------------------

    def refuse(self, reply_to: ReplyTo | None, error: ApiError) -> None:
        self.refusals += 1
        if reply_to is not None:
            payload = wire.encode(Refusal.of(error))
            out = Out(REFUSE, reply_to.request, payload)
            self.pending.open.outs.append((reply_to.front, out))

    def _fail(self, message: Message, error: Exception) -> None:
        """A defect or a corrupt row, not a refusal: answer that, and where nobody waits, keep the
        message as a dead letter for the administrator."""
        refusal = self._report(message.target, message.content, error)
        self.refuse(message.reply_to, refusal)
        if message.reply_to is None and not self.read_only:
            letter = envelope_of(message)
            number = self.rng.getrandbits(63)
            partition = self._partition(message.target)
            self.streams.bury(self.pending.open, partition, number, letter)

    def _report(self, ref: ActorRef, content: Any, error: Exception) -> ApiError:
        self.failures += 1
        log.error("%s failed at %s", ref, type(content).__name__, exc_info=error)
        if isinstance(error, BadKey):
            return ApiError("bad_request", f"{error}")
        if isinstance(error, (CorruptRow, msgspec.MsgspecError)):
            return ApiError(
                "storage_corrupt", f"a stored row of {ref.kind} failed its check; nothing was done"
            )
        return ApiError("internal", "the server failed at this; it was logged")
