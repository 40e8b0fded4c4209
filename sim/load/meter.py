"""What is measured while a run goes on: one per process, added up afterwards."""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

ACK_SLOTS_PER_S = 1_000


class Clocks:
    """Latencies of one kind in seconds, each taken twice: from when it was meant to begin, which is
    what who waits for it feels, and from when it began, which is what the server took."""

    __slots__ = ("intended", "service")

    def __init__(self) -> None:
        self.intended = array("d")
        self.service = array("d")

    def __len__(self) -> int:
        return len(self.intended)

    def add(self, now: float, due: float, begun: float) -> None:
        self.intended.append(now - due)
        self.service.append(now - begun)


class Meter:
    """Acknowledgements stand on a time line of milliseconds as well, so that the lines of several
    processes can be laid over each other. `start` is 0 until the measured time begins."""

    __slots__ = (
        *("ack_line", "answers", "connects", "corrupted", "deliveries", "downloads", "due"),
        *("errors", "fetched", "file_answers", "file_deliveries", "gaps", "late", "moved_bytes"),
        *("paced", "start", "stop", "uploads"),
    )

    def __init__(self) -> None:
        self.answers = Clocks()
        self.deliveries = Clocks()
        self.file_answers = Clocks()
        self.file_deliveries = Clocks()
        self.fetched = Clocks()
        """Received by who had gone away, and came back for it."""
        self.uploads = Clocks()
        self.downloads = Clocks()
        self.connects = Clocks()
        self.late = array("d")
        """How late this process itself did what it had planned."""
        self.errors: Counter[str] = Counter()
        self.ack_line = bytearray()
        self.due = 0
        """Messages that were to leave by a schedule."""
        self.gaps = 0
        """Updates that did not come by themselves on a live connection and were asked for."""
        self.paced = 0
        """Sends held back to stay within the server's frames per second of one connection."""
        self.moved_bytes = 0
        """Of files, up and down."""
        self.corrupted = 0
        """Files that came back as others."""
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

    def kinds(self) -> dict[str, Clocks]:
        """All latencies, by what they are of."""
        return {
            "answer": self.answers,
            "delivery": self.deliveries,
            "file_answer": self.file_answers,
            "file_delivery": self.file_deliveries,
            "fetched": self.fetched,
            "upload": self.uploads,
            "download": self.downloads,
            "connect": self.connects,
        }

    @property
    def acknowledged(self) -> int:
        return len(self.answers) + len(self.file_answers)

    @property
    def delivered(self) -> int:
        return len(self.deliveries) + len(self.file_deliveries) + len(self.fetched)

    @property
    def done(self) -> int:
        """What went well, of everything that was tried."""
        return self.acknowledged + len(self.connects) + len(self.uploads) + len(self.downloads)


def packed(line: bytes | bytearray) -> bytes:
    """A time line as it is kept."""
    return zlib.compress(bytes(line))


def overlay(lines: Iterable[bytes]) -> bytes:
    """One packed time line on which a slot is set where it is in any of `lines`."""
    unpacked = [zlib.decompress(line) for line in lines]
    combined = 0
    for line in unpacked:
        combined |= int.from_bytes(line, "little")
    return packed(combined.to_bytes(max(map(len, unpacked), default=0), "little"))


def joined(lines: Iterable[bytes]) -> bytes:
    """Packed time lines of runs that followed one another."""
    return packed(b"\x01".join(map(zlib.decompress, lines)))


def longest_gap_s(line: bytes) -> float:
    """The longest stretch of a packed time line without an acknowledgement, the ends of the run
    included."""
    stretches = zlib.decompress(line).split(b"\x01")
    return max(map(len, stretches), default=0) / ACK_SLOTS_PER_S


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed; 0.0 where there is none."""
    if not ascending:
        return 0.0
    rank = -(-len(ascending) * percent // 100)
    return ascending[min(len(ascending), max(1, int(rank))) - 1]
