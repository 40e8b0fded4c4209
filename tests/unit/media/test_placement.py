"""Where chunks shall be."""

from __future__ import annotations

from collections import Counter

from api.files import chunk_hash
from media.placement import ranking
from runtime.replication.protocol import Seat

CHUNKS = [chunk_hash(b"%d" % n) for n in range(2_000)]


def seats(count: int) -> dict[str, Seat]:
    return {f"media-{n}": Seat(f"media-{n}", f"node-{n}") for n in range(count)}


def test_everybody_is_named_once() -> None:
    assert sorted(ranking(CHUNKS[0], seats(5))) == sorted(seats(5))
    assert ranking(CHUNKS[0], {}) == []


def test_all_have_about_the_same_share() -> None:
    shares = Counter(actor for chunk in CHUNKS for actor in ranking(chunk, seats(5))[:2])
    assert all(680 < share < 920 for share in shares.values()), shares


def test_one_more_moves_only_its_share() -> None:
    moved = 0
    for chunk in CHUNKS:
        before, after = ranking(chunk, seats(4)), ranking(chunk, seats(5))
        assert [actor for actor in after if actor != "media-4"] == before
        moved += after.index("media-4") < 2
    assert 680 < moved < 920


def test_copies_are_on_different_nodes_and_in_different_zones_as_far_as_there_are() -> None:
    places = {
        f"media-{n}": Seat(f"media-{n}", f"node-{n // 2}", f"zone-{n // 4}") for n in range(8)
    }
    for chunk in CHUNKS[:200]:
        order = [places[actor] for actor in ranking(chunk, places)]
        assert len({seat.node for seat in order[:4]}) == 4
        assert len({seat.zone for seat in order[:2]}) == 2
        assert len({seat.host for seat in order}) == 8
