"""Moving an actor to a partition of its own, while messages flow.

An actor leaves its pooled partition P for its own partition D, which a host of its own leads, for
good. What it means to everybody else (docs/adr/0010-moving-an-actor.md):

- *copying*: P sends D the actor's rows, some at a time, by the stream from P to D. The actor goes
  on in P; what it changes of the rows that were sent is sent after them.
- *frozen*, when D has them all: the actor takes nothing. Commands are held in memory, messages in
  rows. When everything that the actor has sent to others has taken effect there, it leaves; nothing
  that it will send from D can overtake that. If this takes too long, the actor goes on in P for a
  while, and then it is tried again.
- *left*, in one commit: D is told that it has everything, with the timers and what was held. Fronts
  are told where the actor is, and ask there. What actors send it goes on from P to D by the same
  stream, for ever. P deletes its rows.
- In D: *arriving*, until P has said that this is all; then it is *here*, and serves as soon as that
  is durable.

What a step needs is in rows, which are written with it: whoever dies when, it goes on from there.
A freeze is not: after a restart, the actor goes on in P first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import msgspec

from api.errors import ApiError
from runtime import wire
from runtime.kind import Kind
from runtime.layers import Pending
from runtime.messages import Arrived, Copied, Dedicated
from runtime.placement import DEDICATED_BASE, MOVED_BASE, Placement, own_partition
from runtime.refs import KIND_NAMES, ActorRef, prefix_of
from runtime.residence import HELD, RESIDENCES, Move, Residence, decode_residence
from runtime.streams import Streams, system_prefix
from runtime.timers import Timers
from runtime.turn import Message, Timer, envelope_of, message_in
from runtime.wire import MOVED, REPLY, Out, ReplyTo, Request
from storage.keys import prefix_end, split_key
from storage.port import CorruptRow

log = logging.getLogger(__name__)

COPY_BYTES = 48 * 1024
COPY_ROWS_MAX = 512
COPIES_PER_STEP = 4
COPIES_AHEAD_MAX = 32
"""So many copies may be under way. What the actor changes meanwhile comes on top."""
DELETES_PER_STEP = 512
HELD_PAGE = RESIDENCES_PAGE = 1_000
HELD_MAX = 10**6
HELD_COMMANDS_MAX = 10_000
FREEZE_MS_MAX = 2_000
AGAIN_MS = 3_000


class Turns(Protocol):
    """What moves need of the engine that executes the turns."""

    kinds: Mapping[str, Kind]
    placement: Placement
    led: frozenset[int]
    clock: Callable[[], int]
    pending: Pending
    streams: Streams
    timers: Timers
    read_only: bool

    @property
    def residents(self) -> MutableMapping[ActorRef, Any]: ...

    def command(self, front: str, request: Request) -> None: ...

    def execute(self, message: Message) -> None: ...

    def refuse(self, reply_to: ReplyTo | None, error: ApiError) -> None: ...


class Moves:
    """All moves from and to the partitions of one engine."""

    def __init__(self, engine: Turns) -> None:
        self._engine = engine
        self._moves: dict[ActorRef, Move] = {}
        self._own = frozenset(p for p in engine.led if p >= MOVED_BASE)
        self._load()

    def _load(self) -> None:
        """Take up what the rows say."""
        self._moves.clear()
        for partition in self._engine.led:
            for key, raw in self._residences(partition):
                move = Move(decode_residence(raw) if raw else _nowhere(key), partition)
                self._moves[move.ref] = move
                move.damaged = not raw
                if move.phase == "copying":
                    self._resume(move)
        self.on = bool(self._moves or self._own)
        """Whether there is anything here to look at."""

    def _resume(self, move: Move) -> None:
        move.awaited = {move.own: self._engine.streams.number(move.home, move.own)}
        move.frozen = move.damaged
        for key, _ in self._held(move, limit=1, reverse=True):
            move.held = int.from_bytes(key[-8:], "big")
            move.frozen = True  # it goes on with these, before it takes anything else

    def place(self, ref: ActorRef) -> int:
        """The partition of an actor, as seen from here: by its old one it is found for ever, but
        in its own it is at home."""
        if self._own and (own := own_partition(ref)) in self._own:
            return own
        return self._engine.placement.partition(ref)

    @property
    def busy(self) -> bool:
        return self.on and any(move.busy for move in self._moves.values())

    @property
    def landing(self) -> bool:
        """Commands wait until it is durable that an actor has arrived."""
        return self.on and any(move.landing and move.commands for move in self._moves.values())

    @property
    def moved(self) -> int:
        """How many actors have left for partitions of their own."""
        return sum(move.phase == "left" for move in self._moves.values())

    def forget(self) -> list[tuple[str, int]]:
        """Drop what is cached; the rows say it. Returns whose commands were waiting: nothing came
        of them."""
        waiting = [
            number for move in self._moves.values() for number in (*move.commands, *move.asking)
        ]
        self._load()
        return waiting

    # --- what comes in ------------------------------------------------------------------------

    def dedicate(self, ref: ActorRef, reply_to: ReplyTo) -> None:
        """Begin to move an actor; one that has a partition of its own says so. Raises ApiError."""
        partition = self.place(ref)
        if partition >= DEDICATED_BASE:
            self._answer(reply_to, partition)
            return
        move = self._moves.get(ref) or self._begin(ref, partition)
        move.asking[_pair(reply_to)] = None

    def tell_where(self, ref: ActorRef, reply_to: ReplyTo) -> None:
        """Which partition an actor is in. Raises ApiError."""
        partition = self.place(ref)
        self._check(ref, partition)
        self._answer(reply_to, partition)

    def _answer(self, reply_to: ReplyTo, partition: int) -> None:
        found = Dedicated(partition, self._engine.placement.host(partition))
        out = Out(REPLY, reply_to.request, msgspec.json.encode(found))
        self._engine.pending.open.outs.append((reply_to.front, out))

    def _check(self, ref: ActorRef, partition: int) -> None:
        """Whether an actor can move, and there is one. Raises ApiError."""
        if not self._engine.kinds[ref.kind].movable:
            raise ApiError("bad_request", f"a {ref.kind} cannot be moved")
        prefix = prefix_of(ref)
        rows = self._engine.pending.rows
        if not rows(partition, prefix, prefix, prefix_end(prefix), 1, False):
            raise ApiError(f"{ref.kind}_not_found")

    def _begin(self, ref: ActorRef, partition: int) -> Move:
        self._check(ref, partition)
        if self._engine.read_only:
            raise ApiError("storage_full", "the disk is full; nothing was changed", 1.0)
        move = self._moves[ref] = Move(Residence(ref, own_partition(ref), "copying"), partition)
        self.on = True
        self._record(move)
        return move

    def take(self, front: str, request: Request) -> bool:
        """Whether a command, or a read, was taken care of: it has to wait, or to go elsewhere."""
        ref = request.target
        move = self._moves.get(ref)
        if move is None:
            if self.place(ref) not in self._own:
                return False
            move = self._arriving(ref)
        if move.damaged:
            raise ApiError("storage_corrupt", f"the row that says where {ref} is fails its check")
        if move.phase == "left":
            self._redirect(move, front, request.number)
            return True
        waits = not self._landed(move) or (move.frozen and not request.read)
        if not waits and not (move.commands and move.phase == "here"):
            return False
        asked = (front, request.number)
        if len(move.commands) >= HELD_COMMANDS_MAX and asked not in move.commands:
            raise ApiError("overloaded", f"{ref.kind} is being moved; repeat in a moment", 1.0)
        move.commands[asked] = request
        return True

    def divert(self, message: Message) -> bool:
        """Whether a message to an actor was taken care of: it is about a move, or is held, or goes
        on to where the actor is."""
        content = message.content
        if isinstance(content, (Copied, Arrived)):
            self._arrive(message.target, content)
            return True
        move = self._moves.get(message.target)
        if move is None:
            return False
        if move.phase == "left":
            self._pass_on(move, envelope_of(message))
            if message.reply_to is not None:
                self._redirect(move, *_pair(message.reply_to))
            return True
        if not move.frozen:
            return False
        if move.admits:
            move.admits = False
            return False
        move.held += 1
        self._write(move.home, {self._held_key(move, move.held): envelope_of(message)})
        return True

    def mirror(self, ref: ActorRef, writes: dict[bytes, bytes | None]) -> None:
        """An actor has changed rows: D's copy follows."""
        move = self._moves.get(ref)
        if move is None or move.phase != "copying":
            return
        cut = len(move.prefix)
        rows = [(key[cut:], row) for key, row in writes.items() if key < move.copied]
        if rows:
            self._tell(move, Copied(tuple(rows)))

    # --- in the partition that an actor leaves ------------------------------------------------

    def step(self) -> None:
        """Go on with all moves; called before a layer is cut."""
        if self._engine.read_only:
            return
        now_ms = self._engine.clock()
        for move in list(self._moves.values()):
            if move.busy and now_ms >= move.rests_ms:
                try:
                    self._step(move, now_ms)
                except CorruptRow as error:
                    move.due_ms = 0
                    self._put_off(move, "storage_corrupt", f"{move.ref} cannot be moved: {error}")

    def _step(self, move: Move, now_ms: int) -> None:
        if move.phase == "here":
            if self._landed(move):
                self._let_go_on(move)
        elif move.phase == "left":
            self._delete_leftovers(move)
        elif not move.complete:
            self._copy(move)
        else:
            if not move.frozen and self._took_effect(move):
                self._freeze(move, now_ms)
            if move.frozen and move.due_ms and self._took_effect(move):
                self._leave(move)
            elif move.frozen and now_ms >= move.due_ms:
                self._lift(move)

    def _copy(self, move: Move) -> None:
        """Send some of the rows. The end of them is awaited before the actor is frozen."""
        streams = self._engine.streams
        sent = streams.number(move.home, move.own)
        oldest = streams.oldest(move.home, move.own) or sent + 1
        room = COPIES_AHEAD_MAX - (sent + 1 - oldest)
        for _ in range(min(room, COPIES_PER_STEP)):
            self._copy_some(move)
            if move.complete:
                move.awaited = {move.own: streams.number(move.home, move.own)}
                break
        if room > 0:
            self._record(move)

    def _copy_some(self, move: Move) -> None:
        end, cut = prefix_end(move.prefix), len(move.prefix)
        found = self._engine.pending.rows(
            move.home, move.prefix, move.copied, end, COPY_ROWS_MAX, False
        )
        rows: list[tuple[bytes, bytes | None]] = []
        size = 0
        for key, row in found:
            rows.append((key[cut:], row))
            size += len(key) - cut + len(row)
            if size >= COPY_BYTES:
                break
        all_of_them = len(rows) == len(found) < COPY_ROWS_MAX
        move.copied = end if all_of_them else found[len(rows) - 1][0] + b"\x00"
        if rows:
            self._tell(move, Copied(tuple(rows)))

    def _freeze(self, move: Move, now_ms: int) -> None:
        """What the actor has sent to others is awaited. Other actors that moved away from here get
        theirs only through here, so nothing can overtake on the way to them."""
        sent = self._engine.streams.numbers(move.home)
        move.awaited = {target: number for target, number in sent.items() if target < MOVED_BASE}
        move.frozen = True
        move.due_ms = now_ms + FREEZE_MS_MAX

    def _took_effect(self, move: Move) -> bool:
        """Whether everything that is awaited has arrived where it was sent."""
        streams = self._engine.streams
        for target, number in list(move.awaited.items()):
            oldest = streams.oldest(move.home, target)
            if oldest is None or oldest > number:
                del move.awaited[target]
        return not move.awaited

    def _lift(self, move: Move) -> None:
        """The actor goes on here, with what was held first."""
        while held := self._held(move, limit=HELD_PAGE):
            for key, raw in held:
                self._write(move.home, {key: None})
                move.admits = True
                self._engine.execute(message_in(msgspec.Raw(raw)))
        move.frozen = False
        self._let_go_on(move)
        if move.due_ms:
            where = ", ".join(sorted(map(self._engine.placement.host, move.awaited)))
            why = (
                f"what {move.ref} has sent does not arrive at {where}; it is tried again by itself"
            )
            self._put_off(move, "unavailable", why)

    def _put_off(self, move: Move, code: str, why: str) -> None:
        log.warning("%s does not move now: %s", move.ref, why)
        move.rests_ms = self._engine.clock() + AGAIN_MS
        for front, number in move.asking:
            self._engine.refuse(ReplyTo(front, number), ApiError(code, why, AGAIN_MS / 1000))
        move.asking.clear()

    def _leave(self, move: Move) -> None:
        """The actor is in D from here on."""
        engine = self._engine
        timers = engine.timers.of(move.home, move.ref)
        held = self._held(move, limit=HELD_MAX)
        move.phase, move.frozen, move.leftovers = "left", False, True
        self._record(move)
        engine.residents.pop(move.ref, None)
        cancelled = [Timer(name, 0, None) for name, _, _ in timers]
        engine.timers.change(engine.pending.open, move.home, move.ref, cancelled)
        self._tell(move, Arrived(tuple(timers)))
        for key, raw in held:
            self._write(move.home, {key: None})
            self._pass_on(move, raw)
            reply_to = wire.decode_envelope(raw).reply_to
            if reply_to is not None:
                self._redirect(move, *_pair(reply_to))
        for front, number in (*move.commands, *move.asking):
            self._redirect(move, front, number)
        move.commands.clear()
        move.asking.clear()
        log.info("%s has left for %s", move.ref, engine.placement.host(move.own))

    def _delete_leftovers(self, move: Move) -> None:
        """D has them. One that fails its check is found by that, and deleted, too."""
        end, pending = prefix_end(move.prefix), self._engine.pending
        start, limit = move.leftover, DELETES_PER_STEP
        try:
            rows = pending.rows(move.home, move.prefix, start, end, limit, False)
        except CorruptRow as error:
            before = pending.rows(move.home, move.prefix, start, error.key, limit, False)
            rows = before or [(error.key, b"")]
        if rows:
            pending.open.write(move.home, move.prefix, {key: None for key, _ in rows})
            # What is deleted is passed over more slowly than what is there.
            move.leftover = rows[-1][0] + b"\x00"
        move.leftovers = bool(rows)

    # --- in the partition of its own ----------------------------------------------------------

    def _arrive(self, ref: ActorRef, content: Copied | Arrived) -> None:
        engine, layer = self._engine, self._engine.pending.open
        move = self._arriving(ref)
        assert move.own in self._own, f"{ref} has no place here"
        assert move.phase == "arriving", f"{ref} is here already"
        if isinstance(content, Copied):
            rows = {move.prefix + suffix: row for suffix, row in content.rows}
            layer.write(move.own, move.prefix, rows)
            return
        timers = [
            Timer(name, at_ms, wire.decode_message(raw)) for name, at_ms, raw in content.timers
        ]
        engine.timers.change(layer, move.own, ref, timers)
        move.phase, move.landing = "here", True
        self._record(move)
        log.info("%s has arrived", ref)

    def _landed(self, move: Move) -> bool:
        """Whether the actor is in this partition with all of its rows, also for reads, which see
        only what is durable."""
        if move.landing:
            raw = self._engine.pending.store.get(move.home, self._key(move))
            move.landing = raw is None or decode_residence(raw).phase != "here"
        return move.phase != "arriving" and not move.landing

    def _arriving(self, ref: ActorRef) -> Move:
        move = self._moves.get(ref)
        if move is None:
            own = own_partition(ref)
            move = self._moves[ref] = Move(Residence(ref, own, "arriving"), own)
        return move

    def _let_go_on(self, move: Move) -> None:
        """Execute the commands that waited, in order."""
        commands, move.commands = move.commands, {}
        for (front, _), request in commands.items():
            self._engine.command(front, request)

    # --- rows and messages --------------------------------------------------------------------

    def _record(self, move: Move) -> None:
        copied = move.copied if move.phase == "copying" else b""
        row = Residence(move.ref, move.own, move.phase, copied)
        self._write(move.home, {self._key(move): wire.encode(row)})

    @staticmethod
    def _key(move: Move) -> bytes:
        """Of its residence."""
        return b"%b%c%b" % (system_prefix(move.home), RESIDENCES, move.prefix)

    def _write(self, partition: int, rows: dict[bytes, bytes | None]) -> None:
        self._engine.pending.open.write(partition, system_prefix(partition), rows)

    def _held_key(self, move: Move, number: int) -> bytes:
        base = b"%b%c%b" % (system_prefix(move.home), HELD, move.prefix)
        return base + number.to_bytes(8, "big")

    def _held(self, move: Move, limit: int, reverse: bool = False) -> Sequence[tuple[bytes, bytes]]:
        start, stop = self._held_key(move, 0), self._held_key(move, 2**64 - 1)
        prefix = system_prefix(move.home)
        return self._engine.pending.rows(move.home, prefix, start, stop, limit, reverse)

    def _residences(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Keys, after what all have in common, and rows; empty where one fails its check."""
        base = b"%b%c" % (system_prefix(partition), RESIDENCES)
        start, end, scan = base, prefix_end(base), self._engine.pending.store.scan
        while True:
            try:
                rows = scan(partition, start, end, limit=RESIDENCES_PAGE)
            except CorruptRow as error:
                log.error("who has moved is not all known: %s", error)
                rows = scan(partition, start, error.key, limit=RESIDENCES_PAGE)
                if len(rows) < RESIDENCES_PAGE:
                    rows = [*rows, (error.key, b"")]
            if not rows:
                return
            yield from ((key[len(base) :], row) for key, row in rows)
            start = rows[-1][0] + b"\x00"

    def _tell(self, move: Move, content: Copied | Arrived) -> None:
        self._pass_on(move, envelope_of(Message(move.ref, content)))

    def _pass_on(self, move: Move, envelope: bytes) -> None:
        engine = self._engine
        engine.streams.post(engine.pending.open, move.home, move.own, envelope)

    def _redirect(self, move: Move, front: str, number: int) -> None:
        payload = wire.encode(wire.Moved(move.ref, move.own))
        self._engine.pending.open.outs.append((front, Out(MOVED, number, payload)))


def _pair(reply_to: ReplyTo) -> tuple[str, int]:
    return reply_to.front, reply_to.request


def _nowhere(key: bytes) -> Residence:
    """For a row that fails its check: whose it is, its key tells."""
    kind, name, _, _ = split_key(key + b"\x00")
    ref = ActorRef(KIND_NAMES[kind], name)
    return Residence(ref, own_partition(ref), "copying")
