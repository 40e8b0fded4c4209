"""What is measured while a run goes on: one per process, added up afterwards."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

ACK_SLOTS_PER_S = 1_000


class Meter:
    """Latencies as plain arrays of seconds, acknowledgements on a time line of milliseconds (so
    that the lines of several processes can be laid over each other), errors by code."""

    __slots__ = ("ack_line", "acks", "deliveries", "errors", "gaps", "paced", "start", "stop")

    def __init__(self) -> None:
        self.acks = array("d")
        self.deliveries = array("d")
        self.errors: Counter[str] = Counter()
        self.ack_line = bytearray()
        self.gaps = 0
        """Updates that did not come by themselves on a live connection and were asked for."""
        self.paced = 0
        """Sends held back to stay within the server's frames per second of one connection."""
        self.start = 0.0
        self.stop = 0.0

    def begin(self, start: float, stop: float) -> None:
        self.start = start
        self.stop = stop
        self.ack_line = bytearray(int((stop - start) * ACK_SLOTS_PER_S) + 1)

    def end(self, stop: float) -> None:
        """The run is over, perhaps earlier than it should be."""
        self.stop = stop
        del self.ack_line[int((stop - self.start) * ACK_SLOTS_PER_S) + 1 :]

    def mark_ack(self, now: float) -> None:
        slot = int((now - self.start) * ACK_SLOTS_PER_S)
        if 0 <= slot < len(self.ack_line):
            self.ack_line[slot] = 1


def overlay(lines: Sequence[bytes | bytearray]) -> bytearray:
    """One time line on which a slot is set where it is in any of `lines`."""
    combined = 0
    for line in lines:
        combined |= int.from_bytes(line, "little")
    return bytearray(combined.to_bytes(max((len(line) for line in lines), default=0), "little"))


def longest_gap_s(line: bytes | bytearray) -> float:
    """The longest stretch without an acknowledgement, the ends of the run included."""
    return (
        max((len(stretch) for stretch in bytes(line).split(b"\x01")), default=0) / ACK_SLOTS_PER_S
    )


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed; 0.0 where there is none."""
    if not ascending:
        return 0.0
    rank = -(-len(ascending) * percent // 100)
    return ascending[min(len(ascending), max(1, int(rank))) - 1]
