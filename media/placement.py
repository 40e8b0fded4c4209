"""Where chunks are: rendezvous hashing of a chunk and the media actors. Everybody computes it, and
a media actor more or less moves only its share. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from blake3 import blake3

from runtime.replication.protocol import Seat


def ranking(chunk: bytes, seats: Mapping[str, Seat]) -> list[str]:
    """All media actors, the ones that shall have this chunk first: as many as there shall be
    copies, on different nodes and in different zones as far as there are. The others follow in the
    order in which they stand in for them."""
    left = sorted(seats.values(), key=lambda seat: _score(chunk, seat.host), reverse=True)
    nodes: Counter[str] = Counter()
    zones: Counter[str] = Counter()
    found = []
    while left:
        best = min(left, key=lambda seat: (nodes[seat.node], zones[seat.zone or seat.node]))
        left.remove(best)
        found.append(best.host)
        nodes[best.node] += 1
        zones[best.zone or best.node] += 1
    return found


def _score(chunk: bytes, actor: str) -> bytes:
    return blake3(chunk + actor.encode()).digest(8)
