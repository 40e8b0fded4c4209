"""Tries of passwords: who has to wait, how long, and who never has to."""

from __future__ import annotations

import pytest

from actors import messages as i
from actors.runtime.refs import ActorRef
from actors.throttle import (
    ADDRESSES_MAX,
    FADE_MS,
    FREE_PER_ACCOUNT,
    FREE_PER_ADDRESS,
    HEAD,
    KNOWN_MAX,
    KNOWN_MS,
    WAIT_MS_MAX_PER_ACCOUNT,
    WAIT_MS_MAX_PER_ADDRESS,
)
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


def wait_s(town: Town, ref: ActorRef = ACCOUNT, address: str = ME) -> float:
    """Try; how long to wait instead, 0 if the try is admitted."""
    return float(town.ask(ref, i.Admit(address))[0])


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
        assert unchanged(town, ACCOUNT, i.Admit(ME)) == [1.0, False]


def test_many_at_once_are_not_more_than_one_after_the_other(town: Town) -> None:
    asked = [town.post(ACCOUNT, i.Admit(ME)) for _ in range(20)]
    town.settle()
    answers = [town.answers[number] for number in asked]
    assert answers.count(b"[0.0,false]") == FREE_PER_ACCOUNT
    assert set(answers[FREE_PER_ACCOUNT:]) == {b"[1.0,false]"}


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


def test_even_from_very_many_addresses(town: Town) -> None:
    """What is kept of an account is bounded; whoever tried longest ago is forgotten first."""
    assert try_until_waiting(town) == FREE_PER_ACCOUNT
    for number in range(ADDRESSES_MAX - 1):
        assert wait_s(town, ACCOUNT, f"10.1.0.{number}") == 0
    assert wait_s(town) > 0, "there is room for so many"
    for number in range(3 * ADDRESSES_MAX):
        assert wait_s(town, ACCOUNT, f"10.2.0.{number}") == 0
    assert wait_s(town) == 0, "never is anybody locked out"
    head = HEAD.get(rows_of(town, ACCOUNT), None)
    assert head is not None
    assert len(head.addresses) == ADDRESSES_MAX


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
    town.ask(ACCOUNT, i.TrySucceeded(ME))
    assert wait_s(town, ACCOUNT, OTHER) == 1
    assert try_until_waiting(town) == FREE_PER_ACCOUNT


def test_a_success_takes_back_one_try_of_an_address(town: Town) -> None:
    """Else, whoever has an account could guess at all others for free."""
    assert try_until_waiting(town, ADDRESS) == FREE_PER_ADDRESS
    town.ask(ADDRESS, i.TrySucceeded(ME))
    assert try_until_waiting(town, ADDRESS) == 1


@KINDS
def test_whoever_always_succeeds_never_waits_and_leaves_nothing_behind(
    town: Town, ref: ActorRef, free: int, wait_ms_max: int
) -> None:
    for _ in range(3 * free):
        assert wait_s(town, ref) == 0
        assert town.ask(ref, i.TrySucceeded(ME)) == OK
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
        town.ask(ref, i.TryUnchecked(ME))
    assert HEAD.get(rows_of(town, ref), None) is None
    assert try_until_waiting(town, ref) == free
    town.now_ms += 1_000
    for _ in range(3):
        assert wait_s(town, ref) == 0, "whoever has waited does not wait again"
        town.ask(ref, i.TryUnchecked(ME))
    assert wait_s(town, ref) == 0
    assert wait_s(town, ref) == 2, "and what was wrong before is not forgotten"
    assert unchanged(town, ref, i.TryUnchecked(OTHER)) == OK


def known(town: Town, address: str) -> bool:
    """Whether the account's owner is known to come from there."""
    wait, from_before = town.ask(ACCOUNT, i.Admit(address))
    assert wait == 0
    town.ask(ACCOUNT, i.TryUnchecked(address))
    return bool(from_before)


def test_an_account_knows_for_a_while_where_its_owner_comes_from(town: Town) -> None:
    assert not known(town, ME)
    wait_s(town)
    town.ask(ACCOUNT, i.TryFailed(ME))
    assert not known(town, ME)
    town.ask(ACCOUNT, i.TrySucceeded(ME))
    assert known(town, ME)
    assert not known(town, OTHER)
    town.now_ms += KNOWN_MS - 1
    assert known(town, ME)
    town.now_ms += 1
    assert not known(town, ME)


def test_of_many_addresses_the_latest_are_known(town: Town) -> None:
    addresses = [f"10.1.0.{number}" for number in range(KNOWN_MAX + 1)]
    for address in (addresses[0], *addresses[1:], addresses[1]):
        town.ask(ACCOUNT, i.TrySucceeded(address))
    assert [known(town, address) for address in addresses] == [False] + [True] * KNOWN_MAX
    town.ask(ACCOUNT, i.TrySucceeded("10.2.0.1"))
    assert not known(town, addresses[2])
    assert known(town, addresses[1])


def test_a_failure_was_counted_when_it_was_admitted(town: Town) -> None:
    wait_s(town)
    assert unchanged(town, ACCOUNT, i.TryFailed(ME)) == OK


def test_what_was_counted_counts_after_a_restart(town: Town) -> None:
    try_until_waiting(town)
    for name in town.names:
        town.start(name)
    assert wait_s(town) == 1
