"""Tries of passwords: who has to wait, how long, and who never has to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.throttle import turns as throttle
from actors.throttle.messages import Admit, TrySucceeded, TryUnchecked, Verdict
from actors.throttle.turns import (
    ADDRESSES_MAX,
    FADE_MS,
    FREE_PER_ACCOUNT,
    FREE_PER_ADDRESS,
    HEAD,
    KNOWN_MAX,
    KNOWN_MS,
    OTHERS,
    WAIT_MS_MAX_PER_ACCOUNT,
    WAIT_MS_MAX_PER_ADDRESS,
)
from runtime.refs import ActorRef
from tests.unit.actors.rows import rows_of, unchanged
from tests.unit.actors.town import OK, Town

ACCOUNT = ActorRef("throttle", "account:alice")
ADDRESS = ActorRef("throttle", "address:10.0.0.1")
ME, OTHER = "10.0.0.1", "10.0.0.2"
KINDS = pytest.mark.parametrize(
    ("ref", "free", "wait_ms_max"),
    [
        (ACCOUNT, FREE_PER_ACCOUNT, WAIT_MS_MAX_PER_ACCOUNT),
        (ADDRESS, FREE_PER_ADDRESS, WAIT_MS_MAX_PER_ADDRESS),
    ],
    ids=["account", "address"],
)


@pytest.fixture
def town() -> Town:
    return Town()


def admit(town: Town, ref: ActorRef = ACCOUNT, address: str = ME) -> Verdict:
    """Try."""
    return msgspec.convert(town.ask(ref, Admit(address)), Verdict)


def wait_s(town: Town, ref: ActorRef = ACCOUNT, address: str = ME) -> float:
    """Try; how long to wait instead, 0 if the try is admitted."""
    return admit(town, ref, address).wait_s


def right(town: Town, ref: ActorRef, address: str) -> Any:
    """A try that was counted there had the right password."""
    return town.ask(ref, TrySucceeded(address, address))


def try_until_waiting(town: Town, ref: ActorRef = ACCOUNT, address: str = ME) -> int:
    """How many tries are admitted at once."""
    admitted = 0
    while not wait_s(town, ref, address):
        admitted += 1
    return admitted


@KINDS
def test_some_tries_are_free_and_then_each_waits_twice_as_long(
    town: Town, ref: ActorRef, free: int, wait_ms_max: int
) -> None:
    assert try_until_waiting(town, ref) == free
    for doubled in range(25):
        wait_ms = min(1_000 << doubled, wait_ms_max)
        assert wait_s(town, ref) == wait_ms / 1_000
        town.now_ms += wait_ms - 1
        assert wait_s(town, ref) == 0.001, "a moment is missing"
        town.now_ms += 1
        assert wait_s(town, ref) == 0


def test_a_try_that_is_refused_is_not_counted(town: Town) -> None:
    try_until_waiting(town)
    for _ in range(3):
        assert unchanged(town, ACCOUNT, Admit(ME)) == [1.0, False, ""]


def test_many_at_once_are_not_more_than_one_after_the_other(town: Town) -> None:
    asked = [town.post(ACCOUNT, Admit(ME)) for _ in range(20)]
    town.settle()
    waits = [msgspec.json.decode(town.answers[number], type=Verdict).wait_s for number in asked]
    assert waits.count(0.0) == FREE_PER_ACCOUNT
    assert set(waits[FREE_PER_ACCOUNT:]) == {1.0}


@KINDS
def test_nobody_locks_out_somebody_else(
    town: Town, ref: ActorRef, free: int, wait_ms_max: int
) -> None:
    for _ in range(free + 8):
        town.now_ms += int(wait_s(town, ref) * 1_000)
        wait_s(town, ref)
    assert wait_s(town, ref) > 0
    assert try_until_waiting(town, ref, OTHER) == free
    assert try_until_waiting(town, ActorRef("throttle", "account:bobby")) == FREE_PER_ACCOUNT


def test_strangers_beyond_the_room_for_them_are_counted_together(town: Town) -> None:
    """Nothing is forgotten for them, and whoever is known has room of their own."""
    right(town, ACCOUNT, ME)
    for number in range(ADDRESSES_MAX):
        assert wait_s(town, ACCOUNT, f"10.1.0.{number}") == 0
    for number in range(FREE_PER_ACCOUNT):
        assert wait_s(town, ACCOUNT, f"10.2.0.{number}") == 0
    assert [wait_s(town, ACCOUNT, f"10.3.0.{number}") for number in range(3)] == [1, 1, 1]
    assert try_until_waiting(town, ACCOUNT, "10.1.0.0") == FREE_PER_ACCOUNT - 1
    assert try_until_waiting(town) == FREE_PER_ACCOUNT
    right(town, ACCOUNT, "10.1.0.0")
    assert wait_s(town, ACCOUNT, "10.3.0.1") == 0, "there is room again"
    assert wait_s(town, ACCOUNT, "10.3.0.2") == 1


def test_what_is_taken_back_of_all_others_is_one_try(town: Town) -> None:
    for number in range(ADDRESSES_MAX):
        wait_s(town, ACCOUNT, f"10.1.0.{number}")
    for message in (TryUnchecked(OTHERS), TrySucceeded(OTHER, OTHERS)):
        for number in range(FREE_PER_ACCOUNT):
            assert wait_s(town, ACCOUNT, f"10.2.{type(message).__name__}.{number}") == 0
        assert wait_s(town, ACCOUNT, ME) == 1
        town.ask(ACCOUNT, message)
        assert wait_s(town, ACCOUNT, ME) == 0
        town.now_ms += FADE_MS // 2
        for number in range(ADDRESSES_MAX):
            wait_s(town, ACCOUNT, f"10.1.0.{number}")
        town.now_ms += FADE_MS // 2


def test_what_failed_at_an_address_that_is_not_known_any_more_is_not_forgotten(
    town: Town,
) -> None:
    right(town, ACCOUNT, ME)
    for number in range(ADDRESSES_MAX):
        wait_s(town, ACCOUNT, f"10.1.0.{number}")
    assert try_until_waiting(town) == FREE_PER_ACCOUNT
    for number in range(KNOWN_MAX):
        assert wait_s(town) == 1
        right(town, ACCOUNT, f"10.2.0.{number}")
    assert wait_s(town) == 1, "now with all others"
    assert wait_s(town, ACCOUNT, OTHER) == 1
    head = HEAD.get(rows_of(town, ACCOUNT), None)
    assert head is not None
    assert len(head.addresses) == ADDRESSES_MAX + 1


def test_failures_fade(town: Town) -> None:
    assert try_until_waiting(town) == FREE_PER_ACCOUNT
    town.now_ms += FADE_MS - 1
    assert wait_s(town) == 0
    assert wait_s(town) == 2, "they were not forgotten yet"
    town.now_ms += FADE_MS
    assert try_until_waiting(town) == FREE_PER_ACCOUNT
    town.now_ms += FADE_MS
    assert wait_s(town, ACCOUNT, OTHER) == 0
    head = HEAD.get(rows_of(town, ACCOUNT), None)
    assert head is not None
    assert set(head.addresses) == {OTHER}, "what has faded is not kept"


def test_a_success_at_an_account_forgets_the_failures_of_its_address_only(town: Town) -> None:
    for address in (ME, OTHER):
        for _ in range(FREE_PER_ACCOUNT):
            assert wait_s(town, ACCOUNT, address) == 0
    right(town, ACCOUNT, ME)
    assert wait_s(town, ACCOUNT, OTHER) == 1
    assert try_until_waiting(town) == FREE_PER_ACCOUNT


def test_a_success_takes_back_one_try_of_an_address(town: Town) -> None:
    """Else, whoever has an account could guess at all others for free."""
    assert try_until_waiting(town, ADDRESS) == FREE_PER_ADDRESS
    right(town, ADDRESS, ME)
    assert try_until_waiting(town, ADDRESS) == 1


@KINDS
def test_whoever_always_succeeds_never_waits_and_leaves_nothing_behind(
    town: Town, ref: ActorRef, free: int, wait_ms_max: int
) -> None:
    for _ in range(3 * free):
        assert wait_s(town, ref) == 0
        assert right(town, ref, ME) == OK
    head = HEAD.get(rows_of(town, ref), None)
    if ref == ACCOUNT:
        assert head is not None
        assert (head.addresses, list(head.known)) == ({}, [ME])
    else:
        assert head is None


@KINDS
def test_what_was_not_checked_costs_nobody_anything(
    town: Town, ref: ActorRef, free: int, wait_ms_max: int
) -> None:
    for _ in range(3 * free):
        assert wait_s(town, ref) == 0
        town.ask(ref, TryUnchecked(ME))
    assert HEAD.get(rows_of(town, ref), None) is None
    assert try_until_waiting(town, ref) == free
    town.now_ms += 1_000
    for _ in range(3):
        assert wait_s(town, ref) == 0, "whoever has waited does not wait again"
        town.ask(ref, TryUnchecked(ME))
    assert wait_s(town, ref) == 0
    assert wait_s(town, ref) == 2, "and what was wrong before is not forgotten"
    assert unchanged(town, ref, TryUnchecked(OTHER)) == OK


def known(town: Town, address: str) -> bool:
    """Whether the account's owner is known to come from there."""
    verdict = admit(town, ACCOUNT, address)
    assert verdict.wait_s == 0
    town.ask(ACCOUNT, TryUnchecked(verdict.place))
    return verdict.known


def test_an_account_knows_for_a_while_where_its_owner_comes_from(town: Town) -> None:
    assert not known(town, ME)
    wait_s(town)
    assert not known(town, ME)
    right(town, ACCOUNT, ME)
    assert known(town, ME)
    assert not known(town, OTHER)
    town.now_ms += KNOWN_MS - 1
    assert known(town, ME)
    town.now_ms += 1
    assert not known(town, ME)


def test_of_many_addresses_the_latest_are_known(town: Town) -> None:
    addresses = [f"10.1.0.{number}" for number in range(KNOWN_MAX + 1)]
    for address in (addresses[0], *addresses[1:], addresses[1]):
        right(town, ACCOUNT, address)
    assert [known(town, address) for address in addresses] == [False] + [True] * KNOWN_MAX
    right(town, ACCOUNT, "10.2.0.1")
    assert not known(town, addresses[2])
    assert known(town, addresses[1])


def test_of_two_tries_at_once_the_second_takes_nothing_back_of_others(town: Town) -> None:
    """The first has taken back both when it succeeded: they were made at one address."""
    places = [admit(town).place for _ in range(2)]
    for number in range(ADDRESSES_MAX - 1):
        wait_s(town, ACCOUNT, f"10.1.0.{number}")
    assert admit(town, ACCOUNT, OTHER).place == OTHERS
    for place in places:
        town.ask(ACCOUNT, TrySucceeded(ME, place))
    head = HEAD.get(rows_of(town, ACCOUNT), None)
    assert head is not None
    assert head.addresses[OTHERS].count == 1


def test_what_was_counted_counts_after_a_restart(town: Town) -> None:
    try_until_waiting(town)
    for name in town.names:
        town.start(name)
    assert wait_s(town) == 1


# --- many addresses ---------------------------------------------------------------------------

GUESSERS, OWNERS = range(8), range(8, 12)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 999, 1_000, 2_000, 30_000]),
        st.sampled_from([*GUESSERS, *OWNERS]),
        st.booleans(),
    ),
    min_size=10,
    max_size=30,
)
"""How long to wait, who tries then: a guesser, or the owner, and whether the owner is right."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little room, so that a few addresses are many."""
    for name, value in (("ADDRESSES_MAX", 2), ("KNOWN_MAX", 2), ("FREE_PER_ACCOUNT", 2)):
        monkeypatch.setattr(throttle, name, value)


SMALL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def tries_max(elapsed_ms: int) -> int:
    """How often one address may try within less than it takes to fade."""
    tries, pause_ms = throttle.FREE_PER_ACCOUNT, 1_000
    while elapsed_ms >= pause_ms:
        elapsed_ms -= pause_ms
        pause_ms = min(2 * pause_ms, WAIT_MS_MAX_PER_ACCOUNT)
        tries += 1
    return tries


@SMALL
@given(STEPS)
def test_many_addresses_are_no_more_than_there_is_room_for(
    small: None, steps: list[tuple[int, int, bool]]
) -> None:
    """Whoever has more of them guesses no more often, wherever the owner logs in meanwhile; and
    what is kept is bounded."""
    town = Town()
    begun_ms, guesses = town.now_ms, 0
    for pause_ms, who, is_right in steps:
        town.now_ms += pause_ms
        if not wait_s(town, ACCOUNT, str(who)):
            if who in GUESSERS:
                guesses += 1
            elif is_right:
                right(town, ACCOUNT, str(who))
        head = HEAD.get(rows_of(town, ACCOUNT), None)
        if head is not None:
            assert len(head.addresses) <= throttle.ADDRESSES_MAX + throttle.KNOWN_MAX + 1
    elapsed_ms = town.now_ms - begun_ms
    assert elapsed_ms < FADE_MS
    assert guesses <= (throttle.ADDRESSES_MAX + 1) * tries_max(elapsed_ms)


@SMALL
@given(STEPS)
def test_nobody_keeps_the_owner_from_a_known_address(
    small: None, steps: list[tuple[int, int, bool]]
) -> None:
    """Their own mistakes there count, and nobody else's."""
    waits: list[list[float]] = []
    for alone in (False, True):
        town = Town()
        right(town, ACCOUNT, ME)
        waits.append([])
        for pause_ms, who, _ in steps:
            town.now_ms += pause_ms
            if who in OWNERS:
                waits[-1].append(wait_s(town))
            elif not alone:
                wait_s(town, ACCOUNT, str(who))
    assert waits[0] == waits[1]
