"""The sending half of a user: numbers messages, keeps what is unanswered, repeats it in order.

Messages leave in the order of their numbers, at most `IN_FLIGHT_MAX` unanswered on a connection
and within the frames per second that a server lets one connection have; what can't leave yet
waits, its latency counting from when it was due. After a lost connection or a retryable refusal
everything unanswered is sent again with the same `random_id`, from the lowest number: a refusal
first waits for the other answers, so that order is broken by nobody but the server.

What the server took for a message counts from when it left for the first time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

from api import limits
from api.errors import ERRORS, Problem
from sim.load.ledger import REFUSED, Stream
from sim.load.meter import Meter
from sim.load.wire import send_template, with_media

IN_FLIGHT_MAX = limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX - 4
BUDGETS_PER_S = 4
FRAMES_PER_BUDGET = limits.FRAMES_PER_SECOND_MAX // BUDGETS_PER_S - 10
FRAMES_PER_BUDGET_FREE = 1 << 60
"""For a server without such a limit."""
RETRY_AFTER_S = 0.2
REFUSED_PAUSE_S = 0.1

assert IN_FLIGHT_MAX > 0


class Sendable(Protocol):
    """A file that has been uploaded."""

    @property
    def ticket(self) -> str: ...


class Line(Protocol):
    """What a sender needs of its user's connection."""

    online: bool

    def write(self, frame: bytes) -> None: ...


def _nothing() -> None:
    pass


class Sender:
    __slots__ = (
        *("_answered_below", "_frames", "_go_back_at", "_later", "_meter", "_parts"),
        *("_random_base", "_settled_below", "_template", "budget", "chat_id", "files", "holding"),
        *("in_flight", "last_ack", "last_answer", "left", "line", "next_out", "on_free"),
        *("prefix", "stopped", "stream", "times", "waits", "worst_gap"),
    )

    def __init__(
        self,
        line: Line,
        chat_id: str,
        prefix: str,
        random_base: int,
        receivers: int,
        meter: Meter,
        frames_per_budget: int,
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self.line = line
        self.chat_id = chat_id
        self.prefix = prefix
        self.stream = Stream()
        self.times = array("d", [0.0])
        """When each message was due."""
        self.left = array("d", [0.0])
        """When each left for the first time; 0: it has not yet."""
        self.files: dict[int, Sendable] = {}
        """What goes with which messages."""
        self.waits = array("H", [0])
        """Per message: how many receipts and acknowledgements are still missing."""
        self.in_flight = 0
        self.next_out = 1
        self.holding = False
        self.stopped = False
        self.budget = self._frames = frames_per_budget
        self.last_ack = 0.0
        self.last_answer = 0.0
        self.worst_gap = 0.0
        self.on_free: Callable[[], None] = _nothing
        self._later = later
        self._go_back_at = 0.0
        self._answered_below = 1
        self._settled_below = 1
        self._parts = receivers + 1
        self._random_base = random_base
        self._template = send_template(chat_id, prefix)
        self._meter = meter

    def send(self, due: float, now: float, file: Sendable | None = None) -> None:
        """One more message, with a file if there is one; it leaves at once if it may."""
        self.times.append(due)
        self.left.append(0.0)
        self.waits.append(self._parts)
        seq = self.stream.open()
        if file is not None:
            self.files[seq] = file
        if seq == self.next_out and self._may_send():
            self._write(seq, now)

    def flush(self, now: float) -> None:
        """Send what had to wait, as far as it may leave now."""
        ids = self.stream.ids
        last = len(ids) - 1
        while self.next_out <= last and self._may_send():
            if ids[self.next_out] == 0:
                self._write(self.next_out, now)
            else:
                self.next_out += 1

    def _may_send(self) -> bool:
        return (
            self.in_flight < IN_FLIGHT_MAX
            and self.budget > 0
            and not self.holding
            and self.line.online
        )

    def _write(self, seq: int, now: float) -> None:
        self.next_out = seq + 1
        self.in_flight += 1
        self.budget -= 1
        if not self.left[seq]:
            self.left[seq] = now
        frame = self._template % (seq, seq, self._random_base + seq)
        if seq in self.files:
            frame = with_media(frame, self.files[seq].ticket)
        self.line.write(frame)

    def refill(self, now: float) -> None:
        """A new stretch of the second: the frames of the next one may leave."""
        if self.budget <= 0 and self.next_out <= self.stream.last:
            self._meter.paced += self.stream.last + 1 - self.next_out
        self.budget = self._frames
        self.flush(now)

    def on_sent(self, seq: int, message_id: int, now: float) -> None:
        if self.stopped:
            return
        self.in_flight -= 1
        self.last_answer = now
        if self.stream.acknowledge(seq, message_id):
            meter = self._meter
            clocks = meter.file_answers if seq in self.files else meter.answers
            clocks.add(now, self.times[seq], self.left[seq])
            meter.mark_ack(now)
            gap = now - self.last_ack
            if gap > self.worst_gap:
                self.worst_gap = gap
            self.last_ack = now
            self.part_done(seq)
        if self.holding:
            self._go_back_when_settled(now)
        elif self.next_out <= self.stream.last:
            self.flush(now)

    def on_error(self, seq: int, problem: Problem, now: float) -> None:
        self.in_flight -= 1
        self.last_answer = now
        self._meter.errors[problem.code] += 1
        kind = ERRORS.get(problem.code)
        if problem.status >= 500 or (kind is not None and kind.retryable):
            self.stream.retried.add(seq)
            self.holding = True
            self._go_back_at = max(self._go_back_at, now + (problem.retry_after or RETRY_AFTER_S))
        elif self.stream.ids[seq] == 0:
            self.stream.ids[seq] = REFUSED
            self.waits[seq] = 0
            self.free_later()
        if self.holding:
            self._go_back_when_settled(now)

    def free_later(self) -> None:
        """What was to be sent is not, and its slot free."""
        self._later(REFUSED_PAUSE_S, self.on_free)

    def _go_back_when_settled(self, now: float) -> None:
        if self.in_flight == 0:
            self._later(max(0.0, self._go_back_at - now), self._go_back)

    def _go_back(self) -> None:
        if self.holding and self.in_flight == 0:
            self.resume(self._go_back_at)

    def part_done(self, seq: int) -> None:
        """One receipt or acknowledgement of a message; with the last its slot is free."""
        waits = self.waits
        left = waits[seq]
        if left > 1:
            waits[seq] = left - 1
        elif left:
            waits[seq] = 0
            self.on_free()

    def resume(self, now: float) -> None:
        """Everything unanswered goes out again: on a fresh connection, or after refusals."""
        if self.stopped:
            return
        self.in_flight = 0
        self.last_answer = now
        self.holding = False
        self.next_out = self.lowest_unanswered()
        self.flush(now)

    def stop(self) -> None:
        """Send nothing more, and take no answers: the history is read now, and may not hold what
        is answered after."""
        self.stopped = True
        self.next_out = self.stream.last + 1

    def lowest_unanswered(self) -> int:
        ids = self.stream.ids
        try:
            self._answered_below = ids.index(0, self._answered_below)
        except ValueError:
            self._answered_below = len(ids)
        return self._answered_below

    def overdue(self, since: float) -> int:
        """How many messages were due before, and are not answered."""
        lowest = self.lowest_unanswered()
        return self.stream.ids[lowest : bisect_left(self.times, since, 1)].count(0)

    def left_by(self, stop: float) -> int:
        """How many messages had left by then."""
        return sum(0.0 < left <= stop for left in self.left)

    def waited_s(self, now: float) -> float:
        """How long nothing has been answered although something is in flight."""
        if self.in_flight == 0:
            self.last_answer = now
        return now - self.last_answer

    def awaits_receipt(self) -> bool:
        """Some message is acknowledged, but not received everywhere."""
        ids, waits = self.stream.ids, self.waits
        while self._settled_below < len(waits) and not waits[self._settled_below]:
            self._settled_below += 1
        return any(waits[seq] and ids[seq] > 0 for seq in range(self._settled_below, len(waits)))

    def unfinished(self) -> int:
        """Messages that are not acknowledged and received everywhere."""
        return len(self.waits) - self.waits.count(0)
