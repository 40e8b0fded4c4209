"""Reading a log again while it is written, for copies that are behind.

Who goes on where it ended costs what it reads and no more: the place is remembered. Who begins
somewhere else costs a look at the segment up to there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from storage.records import Segment, records_from, segments_of

PLACES_MAX = 32
"""More than there are copies to feed."""


class Place(NamedTuple):
    """After record `number`: in this file, at this offset."""

    path: Path
    number: int
    offset: int


class Rereader:
    """Reads records that are durable. Any thread."""

    def __init__(self, folder: Path, salt: bytes) -> None:
        self._folder = folder
        self._salt = salt
        self._places: dict[int, Place] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Records are being taken back: what others find now, and who is still reading, does not
        count."""
        with self._lock:
            self._places = {}

    def read(self, after: int, last: int, bytes_max: int) -> list[bytes] | None:
        """The payloads of the records after `after` up to `last`, as many as have `bytes_max`
        together, but at least one; None if they were cut off, or are damaged."""
        places = self._places
        for find in (places.get, self._segment_of):
            place = find(after)
            found: list[bytes] = []
            if place is not None:
                # Where a segment is gone, the one after it may have what follows.
                with suppress(FileNotFoundError):
                    place = self._collect(found, place, after, last, bytes_max)
            if found:
                assert place is not None
                self._remember(places, place)
                return found
        return None

    def _segment_of(self, after: int) -> Place | None:
        """The begin of the segment that has the record after this one."""
        fit = [segment for segment in segments_of(self._folder) if segment.first <= after + 1]
        return Place(fit[-1].path, fit[-1].first - 1, 0) if fit else None

    def _collect(
        self, found: list[bytes], place: Place, after: int, last: int, bytes_max: int
    ) -> Place:
        """Returns where it ended."""
        for payload, end in self._walk(place, last):
            if end.number > after:
                bytes_max -= len(payload)
                if found and bytes_max < 0:
                    break
                found.append(payload)
            place = end
        return place

    def _walk(self, place: Place, last: int) -> Iterator[tuple[bytes, Place]]:
        """The records after a place, and the place after each."""
        while place.number < last:
            for number, payload, end in records_from(
                place.path, place.number, place.offset, self._salt
            ):
                place = Place(place.path, number, end)
                yield payload, place
                if number == last:
                    return
            following = Segment.path_of(self._folder, place.number + 1)
            if following == place.path:
                return  # damaged at its begin
            place = Place(following, place.number, 0)

    def _remember(self, places: dict[int, Place], place: Place) -> None:
        with self._lock:
            places[place.number] = place
            while len(places) > PLACES_MAX:
                del places[next(iter(places))]
