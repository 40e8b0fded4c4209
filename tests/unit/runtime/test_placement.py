"""Who leads what, pooled and dedicated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import addresses
from runtime import placement as module
from runtime.placement import (
    DEDICATED_BASE,
    MOVED_BASE,
    Placement,
    Replicated,
    own_partition,
    shard_at,
)
from runtime.refs import ActorRef, partition_of


@given(st.integers(1, 100), st.data())
def test_every_partition_has_one_leader(partitions: int, data: st.DataObject) -> None:
    hosts = data.draw(st.integers(1, partitions))
    placement = Placement(partitions, hosts)
    led = [placement.led_by(name) for name in placement.pooled_hosts()]
    assert sorted(p for mine in led for p in mine) == list(range(partitions))
    assert max(map(len, led)) - min(map(len, led)) <= 1, "dealt out evenly"
    for name, mine in zip(placement.pooled_hosts(), led, strict=True):
        assert {placement.host(p) for p in mine} == {name}


@given(st.integers(1, 100), st.data())
def test_every_partition_is_in_one_shard(partitions: int, data: st.DataObject) -> None:
    placement = Replicated(partitions, data.draw(st.integers(1, partitions)))
    shards = [shard_at(place) for place in placement.pooled_hosts()]
    dealt = [placement.partitions_of(shard) for shard in shards]
    assert sorted(p for mine in dealt for p in mine) == list(range(partitions))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1, "dealt out evenly"
    for shard, mine in zip(shards, dealt, strict=True):
        assert {placement.shard(p) for p in mine} == {shard}
        assert {shard_at(placement.host(p)) for p in mine} == {shard}


def test_shards_stay_what_they_are() -> None:
    """Their folders hold these partitions; one with a host for itself is a shard of its own."""
    placement = Replicated(8, 3)
    assert [placement.partitions_of(shard) for shard in range(3)] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert placement.pooled_hosts() == ["shard-0", "shard-1", "shard-2"]
    own = own_partition(addresses.chat("g1"))
    assert placement.shard(own) == shard_at(placement.host(own)) == own
    assert placement.partitions_of(own) == [own]


def test_hosts_stay_what_they_are() -> None:
    """Their folders hold the partitions that they led."""
    placement = Placement(8, 3)
    assert placement.pooled_hosts() == ["host-0", "host-1", "host-2"]
    assert placement.led_by("host-1") == [1, 4, 7]
    assert placement.partition(addresses.user(1)) == partition_of(addresses.user(1), 8)


def test_more_hosts_than_partitions_are_refused() -> None:
    with pytest.raises(AssertionError):
        Placement(2, 3)


def test_a_dedicated_kind_has_a_host_per_actor() -> None:
    placement = Placement(8, 2, ("chat",))
    chats = [addresses.chat(f"g{number}") for number in range(1, 200)]
    partitions = [placement.partition(chat) for chat in chats]
    assert len(set(partitions)) == len(chats)
    assert min(partitions) >= DEDICATED_BASE
    for partition in partitions:
        assert placement.led_by(placement.host(partition)) == [partition]
    user = addresses.user(1)
    assert placement.partition(user) == partition_of(user, 8), "the others stay pooled"


def test_dedicated_sessions_leave_their_users_partition() -> None:
    placement = Placement(8, 1, ("session",))
    sessions = [placement.partition(addresses.session(5, number)) for number in range(1, 50)]
    assert len(set(sessions)) == 49
    assert min(sessions) >= DEDICATED_BASE
    assert placement.partition(addresses.user(5)) < 8


def test_what_is_learned_is_found_and_of_too_much_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LEARNED_MAX", 2)
    placement = Placement(8, 1)
    chats = [addresses.chat(f"g{number}") for number in range(1, 4)]
    owns = [own_partition(chat) for chat in chats]
    assert min(owns) >= MOVED_BASE > DEDICATED_BASE + (1 << 40) - 1
    assert [placement.learn(*both) for both in zip(chats, owns, strict=True)] == [True] * 3
    assert not placement.learn(chats[2], owns[2])
    assert [placement.partition(chat) for chat in chats[1:]] == owns[1:]
    assert placement.home(chats[0]) == "host-0"
    assert placement.home(chats[2]) == placement.host(owns[2]) == f"dedicated-{owns[2]:x}"
    assert placement.led_by(placement.home(chats[2])) == [owns[2]]


def test_a_single_actor_can_be_dedicated() -> None:
    placement = Placement(8, 1, ("chat/g7",))
    assert placement.partition(addresses.chat("g7")) >= DEDICATED_BASE
    assert placement.partition(addresses.chat("g8")) < 8
    assert placement.partition(ActorRef("handle", "g7")) < 8


def test_dedicated_hosts_stay_what_they_are() -> None:
    placement = Placement(64, 1, ("chat", "session"))
    assert placement.host(placement.partition(addresses.chat("g7"))) == "dedicated-129f6ebd797"
    assert placement.host(placement.partition(addresses.session(1, 2))) == "dedicated-1298e39ccc4"


def test_only_a_pool_of_one_host_is_alone() -> None:
    alone = Placement(8, 1)
    assert alone.is_alone(frozenset(alone.led_by("host-0")))
    two = Placement(8, 2)
    assert not two.is_alone(frozenset(two.led_by("host-0")))
    dedicated = Placement(8, 1, ("chat",))
    assert not dedicated.is_alone(frozenset(dedicated.led_by("host-0")))
