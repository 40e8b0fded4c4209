"""What a host tells its fronts: in order, in packets of a size, and only those that listen."""

from __future__ import annotations

import pytest

from runtime import front_streams, wire
from runtime.front_streams import FRONT_SILENCE_S_MAX, Fronts, FrontStream
from runtime.wire import PUSH, Out


class Listening:
    """A front that listens. `packets`: what it was told."""

    def __init__(self, fronts: Fronts, name: str) -> None:
        self.packets: list[list[Out]] = []
        self.name = name
        self.stream = FrontStream(
            name, lambda packet: self.packets.append(wire.decode_packet(packet).outs)
        )
        fronts.open(name, self.stream)


def push(size: int = 1) -> Out:
    return Out(PUSH, 7, bytes(size))


def test_each_front_is_told_its_own_in_order() -> None:
    fronts = Fronts()
    a, b = Listening(fronts, "a"), Listening(fronts, "b")
    outs = [push(size) for size in range(6)]
    fronts.release(zip("aabaab", outs, strict=True))
    assert a.packets == [[outs[k] for k in (0, 1, 3, 4)]]
    assert b.packets == [[outs[2], outs[5]]]


def test_a_front_that_does_not_listen_is_told_nothing() -> None:
    fronts = Fronts()
    fronts.release([("stranger", push())])
    assert Listening(fronts, "stranger").packets == []
    assert fronts.dropped == 1


def test_a_packet_is_bounded_and_what_is_larger_travels_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(front_streams, "PACKET_BYTES_MAX", 1_000)
    fronts = Fronts()
    front = Listening(fronts, "a")
    outs = [push(330), push(330), push(330), push(2_000), push(), push()]
    fronts.release(("a", out) for out in outs)
    assert front.packets == [outs[:2], outs[2:3], outs[3:4], outs[4:]]


def test_a_stream_takes_the_place_of_the_one_before() -> None:
    fronts = Fronts()
    before, now = Listening(fronts, "a"), Listening(fronts, "a")
    fronts.release([("a", push())])
    fronts.lost("a", before.stream, 0.0)
    fronts.release([("a", push())])
    assert (before.packets, now.packets) == ([], [[push()], [push()]])
    assert fronts.stream("a", "a") is now.stream
    assert fronts.drop_silent(FRONT_SILENCE_S_MAX + 1) == []


def test_fronts_that_went_silent_are_forgotten() -> None:
    fronts = Fronts()
    a, b = Listening(fronts, "a"), Listening(fronts, "b")
    for each in (a, b):
        fronts.lost(each.name, each.stream, 0.0)
    assert len(fronts) == 0
    assert fronts.drop_silent(FRONT_SILENCE_S_MAX) == []
    Listening(fronts, "a")
    assert fronts.drop_silent(FRONT_SILENCE_S_MAX + 1) == ["b"]
    assert fronts.drop_silent(FRONT_SILENCE_S_MAX + 1) == []
    assert len(fronts) == 1


def test_a_stream_is_told_once_which_of_its_batches_are_durable() -> None:
    fronts = Fronts()
    packets: list[wire.Packet] = []
    stream = FrontStream("s", lambda packet: packets.append(wire.decode_packet(packet)))
    fronts.open("a", stream)
    fronts.release([("a", push())], {stream: 2})
    fronts.release([], {stream: 3})
    fronts.release([("a", push())])
    assert [(packet.durable, len(packet.outs)) for packet in packets] == [(2, 1), (3, 0), (3, 1)]
