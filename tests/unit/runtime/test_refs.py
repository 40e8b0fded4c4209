"""Addresses: how they are written, and that they always mean the same partition."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import addresses
from runtime.refs import KIND_NAMES, KINDS, MAX_ID, NOBODY, ActorRef, Caller, partition_of
from storage.keys import actor_prefix, split_key

IDS = st.integers(1, MAX_ID)
NAMES = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=60
)
REFS = st.builds(ActorRef, st.sampled_from(sorted(KINDS)), IDS | NAMES)


def test_numbers_of_kinds_stay_what_they_are() -> None:
    """They are in the keys of every data folder."""
    numbers = {"user": 1, "session": 2, "chat": 3, "handle": 4, "throttle": 5, "invitation": 6}
    assert {name: KINDS[name] for name in numbers} == numbers
    assert len(KIND_NAMES) == len(KINDS), "two kinds share a number"
    assert 0 not in KIND_NAMES, "0 is the runtime's own"


@given(REFS)
def test_an_address_survives_the_wire(ref: ActorRef) -> None:
    encoded = msgspec.msgpack.encode(ref)
    assert msgspec.msgpack.decode(encoded, type=ActorRef) == ref
    assert msgspec.msgpack.decode(encoded) == [ref.kind, ref.key], "compact, and in this order"


@given(IDS, IDS, st.integers(0, MAX_ID))
def test_a_caller_survives_the_wire(user_id: int, session_id: int, connection: int) -> None:
    caller = Caller(user_id, session_id, connection)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(caller), type=Caller) == caller
    assert caller != NOBODY


@given(REFS)
def test_an_address_can_be_read_from_its_key(ref: ActorRef) -> None:
    key = actor_prefix(KINDS[ref.kind], ref.key) + b"\x07row"
    kind, actor, table, row = split_key(key)
    assert (ActorRef(KIND_NAMES[kind], actor), table, row) == (ref, 7, b"row")


@given(REFS, REFS)
def test_the_rows_of_two_actors_are_apart(one: ActorRef, other: ActorRef) -> None:
    a, b = actor_prefix(KINDS[one.kind], one.key), actor_prefix(KINDS[other.kind], other.key)
    assert a.startswith(b) == b.startswith(a) == (one == other)


GOLDEN = [
    (addresses.user(1), 59, 71),
    (addresses.user(MAX_ID), 6, 82),
    (addresses.session(1, 99), 59, 71),
    (addresses.session(MAX_ID, 1), 6, 82),
    (addresses.chat("p1-2"), 47, 87),
    (addresses.chat("g1234567890"), 61, 25),
    (addresses.username("Alice"), 10, 58),
    (ActorRef("throttle", "address:127.0.0.1"), 25, 41),
    (ActorRef("invitation", "aBc-_09"), 13, 29),
]


@pytest.mark.parametrize(("ref", "of_64", "of_100"), GOLDEN, ids=[str(r) for r, _, _ in GOLDEN])
def test_partitions_stay_what_they_are(ref: ActorRef, of_64: int, of_100: int) -> None:
    """A data folder is only readable as long as an actor is looked for where it was written."""
    assert partition_of(ref, 64) == of_64
    assert partition_of(ref, 100) == of_100


@given(IDS, IDS, st.integers(1, 1_000))
def test_a_user_and_the_users_sessions_share_a_partition(
    user_id: int, session_id: int, partitions: int
) -> None:
    home = partition_of(addresses.user(user_id), partitions)
    assert partition_of(addresses.session(user_id, session_id), partitions) == home
    assert 0 <= home < partitions


def test_actors_are_spread_evenly() -> None:
    counts = [0] * 64
    for number in range(64_000):
        counts[partition_of(addresses.user(number), 64)] += 1
    assert 800 < min(counts) <= max(counts) < 1_200


def test_case_does_not_tell_user_names_apart() -> None:
    assert (
        addresses.username("Alice")
        == addresses.username("ALICE")
        == ActorRef("handle", "username:alice")
    )


@given(IDS, IDS)
def test_two_users_have_one_private_chat(a: int, b: int) -> None:
    chat_id = addresses.private_chat_id(a, b)
    assert chat_id == addresses.private_chat_id(b, a)
    assert addresses.private_peers(chat_id) == (min(a, b), max(a, b))


def test_only_the_normal_form_is_a_private_chat() -> None:
    assert addresses.private_peers("p1-2") == (1, 2)
    assert addresses.private_peers("p3-3") == (3, 3)
    assert addresses.private_peers("p2-1") is None
    assert addresses.private_peers(f"p1-{MAX_ID + 1}") is None
    assert addresses.private_peers("g12") is None


def test_ids_of_groups_stay_what_they_are() -> None:
    """A call that is repeated after an upgrade must meet the group that it made."""
    assert addresses.group_id(1, 2) == "g577760666376909"
    assert addresses.group_id(2, 1) == "g441192544928533"


@given(IDS, IDS)
def test_the_id_of_a_group_is_one_that_clients_can_say(creator: int, random_id: int) -> None:
    made = addresses.group_id(creator, random_id)
    assert made[0] == "g"
    assert 1 <= int(made[1:]) <= MAX_ID


def test_a_kind_that_only_a_newer_version_has_lies_somewhere() -> None:
    """What is said to it is refused as what nobody takes, and harms nothing else."""
    assert partition_of(ActorRef("newer", 1), 8) in range(8)
