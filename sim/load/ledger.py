"""What was sent, what arrived, and what follows from the two. Pure: no clock, no sockets.

A *stream* is what one sender sends to one chat in one run: messages numbered from 1, the number
being part of the text. Each receiver keeps *receipts* of the stream, and the chat's history is
read back into *stored* at the end. The verdict compares the three:

- **lost**: acknowledged to the sender, but missing at a receiver or in the history;
- **duplicated**: pushed twice on one connection, delivered under two numbers of the mailbox, or
  stored twice;
- **reordered**: behind a later message of the same sender, on a connection, in the order of a
  mailbox, or in the history;
- **corrupted**: with another text or another id than was sent or acknowledged, or never sent.

Each counts messages per receiver, and a fault that shows in two places is counted once. A message
that the server refused ("busy, come later") and the client repeated stands behind those that it
let pass meanwhile; that is the client's doing and counted apart, as `reordered_by_retry`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

REFUSED = -1
"""In place of an id: the server refused the message for good."""

CONNECTION_BITS = 16
CONNECTION_MASK = (1 << CONNECTION_BITS) - 1
GROW = 256


class Stream:
    """The sender's side: which messages exist, and with which ids they were acknowledged."""

    __slots__ = ("conflicts", "ids", "retried")

    def __init__(self) -> None:
        self.ids = array("q", [0])
        self.retried: set[int] = set()
        self.conflicts = 0
        """Resends that were answered with another id."""

    @property
    def last(self) -> int:
        return len(self.ids) - 1

    def open(self) -> int:
        """The number of the next message."""
        ids = self.ids
        ids.append(0)
        return len(ids) - 1

    def acknowledge(self, seq: int, message_id: int) -> bool:
        """The server has answered with an id. False: it had before."""
        before = self.ids[seq]
        if before > 0:
            self.conflicts += before != message_id
            return False
        self.ids[seq] = message_id
        return True

    def unanswered(self) -> int:
        return self.ids.count(0) - 1


class Receipts:
    """What one receiver got of a stream."""

    __slots__ = (
        "corrupted",
        "doubled",
        "from_history",
        "highest",
        "order_broken",
        "seen",
        "stream",
    )

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        # Per message: number in the mailbox, and the connection that pushed it (0: a difference).
        self.seen = array("q", [0])
        self.highest = 0
        self.doubled: set[int] = set()
        self.order_broken: set[int] = set()
        self.corrupted = 0
        self.from_history = False
        """The mailbox was too long to catch up with: the history stands for what was missed."""

    def live(self, seq: int, pts: int, connection: int) -> bool:
        """A push on the receiver's connection number `connection` (from 1). True: it is new."""
        seen = self.seen
        if seq >= len(seen) and not self._grow(seq):
            return False
        before = seen[seq]
        if before:
            if before >> CONNECTION_BITS != pts or before & CONNECTION_MASK == connection:
                self.doubled.add(seq)
            return False
        if seq > self.highest:
            self.highest = seq
        else:
            self.order_broken.add(seq)
        seen[seq] = pts << CONNECTION_BITS | connection
        return True

    def caught_up(self, seq: int, pts: int) -> bool:
        """An update of a difference. True: it is new."""
        seen = self.seen
        if seq >= len(seen) and not self._grow(seq):
            return False
        before = seen[seq]
        if before:
            if before >> CONNECTION_BITS != pts:
                self.doubled.add(seq)
            return False
        seen[seq] = pts << CONNECTION_BITS
        return True

    def _grow(self, seq: int) -> bool:
        if seq > self.stream.last:
            self.corrupted += 1
            return False
        self.seen.extend([0] * (self.stream.last + GROW - len(self.seen)))
        return True

    def missing(self) -> set[int]:
        seen = self.seen
        known = len(seen)
        return {
            seq
            for seq, message_id in enumerate(self.stream.ids)
            if message_id > 0 and (seq >= known or not seen[seq])
        }

    def reordered(self) -> set[int]:
        """Behind a later message on a connection or in the order of the mailbox."""
        return self.order_broken | behind_a_later([n >> CONNECTION_BITS for n in self.seen])


class Stored:
    """What the history holds of a stream, fed in ascending order of id."""

    __slots__ = ("corrupted", "doubled", "found", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.found = array("q", bytes(8 * len(stream.ids)))
        self.doubled: set[int] = set()
        self.corrupted = 0

    def entry(self, seq: int, message_id: int, intact: bool = True) -> None:
        if not 0 < seq < len(self.found):
            self.corrupted += 1
            return
        if self.found[seq]:
            self.doubled.add(seq)
            return
        self.found[seq] = message_id
        acknowledged = self.stream.ids[seq]
        if not intact or (acknowledged and acknowledged != message_id):
            self.corrupted += 1

    def missing(self) -> set[int]:
        found = self.found
        return {
            s for s, message_id in enumerate(self.stream.ids) if message_id > 0 and not found[s]
        }

    def reordered(self) -> set[int]:
        return behind_a_later(self.found)


@dataclass(slots=True)
class Verdict:
    """Sums over streams and receivers; all but `reordered_by_retry` should be 0."""

    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    unanswered: int = 0
    reordered_by_retry: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.reordered or self.corrupted)

    def add(self, other: Verdict) -> None:
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.reordered += other.reordered
        self.corrupted += other.corrupted
        self.unanswered += other.unanswered
        self.reordered_by_retry += other.reordered_by_retry
        self.examples = (self.examples + other.examples)[:EXAMPLES_MAX]


EXAMPLES_MAX = 10


def judge(
    stream: Stream, receivers: Iterable[Receipts], stored: Stored | None, name: str = ""
) -> Verdict:
    """The verdict on one stream; `stored` is None where the history was not read."""
    verdict = Verdict(unanswered=stream.unanswered())
    absent = stored.missing() if stored is not None else set()
    doubled = set(stored.doubled) if stored is not None else set()
    late = stored.reordered() if stored is not None else set()
    verdict.corrupted = stream.conflicts + (stored.corrupted if stored is not None else 0)
    for receipts in receivers:
        missing = receipts.missing()
        if receipts.from_history and stored is not None:
            missing &= stored.missing()
        late_here = receipts.reordered()
        verdict.lost += len(missing)
        verdict.duplicated += len(receipts.doubled)
        verdict.reordered += len(late_here - stream.retried)
        verdict.reordered_by_retry += len(late_here & stream.retried)
        verdict.corrupted += receipts.corrupted
        _examples(verdict, name, "not received", missing)
        _examples(verdict, name, "received twice", receipts.doubled)
        _examples(verdict, name, "received late", late_here - stream.retried)
        absent -= missing
        doubled -= receipts.doubled
        late -= late_here
    verdict.lost += len(absent)
    verdict.duplicated += len(doubled)
    verdict.reordered += len(late - stream.retried)
    verdict.reordered_by_retry += len(late & stream.retried)
    _examples(verdict, name, "not in the history", absent)
    _examples(verdict, name, "twice in the history", doubled)
    _examples(verdict, name, "late in the history", late - stream.retried)
    return verdict


def _examples(verdict: Verdict, name: str, what: str, found: set[int]) -> None:
    room = EXAMPLES_MAX - len(verdict.examples)
    if found and room > 0:
        verdict.examples.append(f"{name} {what}: {sorted(found)[:EXAMPLES_MAX]}".strip())


def behind_a_later(places: Sequence[int]) -> set[int]:
    """The messages that stand behind one with a higher number. `places[seq]` is where a message
    stands (0: nowhere)."""
    highest_place = 0
    for place in places:
        if place:
            if place < highest_place:
                break
            highest_place = place
    else:
        return set()
    behind: set[int] = set()
    highest_seq = 0
    for _, seq in sorted((place, seq) for seq, place in enumerate(places) if place):
        if seq < highest_seq:
            behind.add(seq)
        highest_seq = max(highest_seq, seq)
    return behind
