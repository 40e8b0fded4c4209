"""User names: each has one holder, whoever comes when."""

from __future__ import annotations

import pytest

from actors import addresses
from actors.handle.messages import ClaimUsername, LookUp, NewAccount, ReleaseHandle
from actors.handle.turns import HEAD
from api import methods as m
from api.errors import ApiError
from runtime.refs import Caller
from tests.unit.actors.rows import refused, rows_of
from tests.unit.actors.town import Town


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def holder(town: Town, username: str) -> int:
    found: list[int] = town.ask(addresses.username(username), LookUp(), read=True)
    return found[0]


def claim(town: Town, caller: Caller, username: str) -> str:
    """Take another name; returns what one is called now."""
    taken = town.ask(addresses.username(username), ClaimUsername(username), caller)
    town.settle()
    return str(taken["username"])


def name_of(town: Town, caller: Caller) -> str:
    return str(town.call(caller, m.GetMe()).username)


def consistent(town: Town, *people: Caller) -> bool:
    """Everybody holds the name that they are called by."""
    return all(holder(town, name_of(town, person)) == person.user_id for person in people)


def test_nobody_holds_a_name_that_was_never_claimed(town: Town) -> None:
    assert holder(town, "nobody") == 0


def test_a_new_name_is_held_and_the_old_one_is_free(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    pts = len(town.mail(alice))
    assert claim(town, alice, "Alicia") == "Alicia"
    assert (holder(town, "ALICIA"), holder(town, "alice")) == (alice.user_id, 0)
    assert HEAD.get(rows_of(town, addresses.username("alice")), None) is None, "no row is left"
    assert [entry.kind for _, entry in town.mail(alice, pts)] == ["profile"]
    assert claim(town, bobby, "alice") == "alice"
    assert consistent(town, alice, bobby)


def test_a_name_that_is_held_is_refused_in_any_case(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    for name in ("alice", "ALICE"):
        error = refused(town, addresses.username(name), ClaimUsername(name), bobby)
        assert error.code == "username_taken"
    assert (name_of(town, bobby), holder(town, "alice")) == ("bobby", alice.user_id)


def test_another_case_of_ones_own_name_is_taken_and_not_given_back(town: Town) -> None:
    alice = town.register("alice")
    assert claim(town, alice, "ALICE") == "ALICE"
    assert consistent(town, alice)
    pts = len(town.mail(alice))
    assert claim(town, alice, "ALICE") == "ALICE"
    assert consistent(town, alice)
    assert len(town.mail(alice)) == pts, "what is so already is no update"


def test_of_many_who_want_a_name_at_once_one_gets_it(town: Town) -> None:
    people = [town.register(f"person{number}") for number in range(6)]
    ref = addresses.username("wanted")
    asked = [town.post(ref, ClaimUsername("wanted"), person) for person in people]
    town.settle()
    answers = [town.answers[number] for number in asked]
    refusals = [answer.code for answer in answers if isinstance(answer, ApiError)]
    assert refusals == ["username_taken"] * 5
    assert [name_of(town, person) for person in people].count("wanted") == 1
    assert consistent(town, *people)


def test_of_many_who_register_a_name_at_once_one_gets_it(town: Town) -> None:
    ref = addresses.username("wanted")
    asked = [
        town.post(ref, NewAccount(user_id, 1, "wanted", "Name", f"{user_id}", b"token", ""))
        for user_id in (5, 6, 7)
    ]
    town.settle()
    refusals = [town.answers[number] for number in asked[1:]]
    assert [getattr(refusal, "code", "") for refusal in refusals] == ["username_taken"] * 2
    assert holder(town, "wanted") == 5
    for user_id in (6, 7):
        assert refused(town, addresses.user(user_id), m.GetMe(), Caller(user_id, 1)).code == (
            "user_not_found"
        )


def test_two_people_change_places_by_a_third_name(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    claim(town, alice, "somebody")
    claim(town, bobby, "alice")
    claim(town, alice, "bobby")
    assert (holder(town, "alice"), holder(town, "bobby")) == (bobby.user_id, alice.user_id)
    assert holder(town, "somebody") == 0
    assert consistent(town, alice, bobby)


def test_a_name_is_given_back_by_its_holder_only(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    town.post(addresses.username("alice"), ReleaseHandle(bobby.user_id))
    town.settle()
    assert consistent(town, alice, bobby)


def test_claims_of_one_user_at_once_leave_one_name(town: Town) -> None:
    alice = town.register("alice")
    for name in ("first", "second", "third"):
        town.post(addresses.username(name), ClaimUsername(name), alice)
    town.settle()
    held = [name for name in ("alice", "first", "second", "third") if holder(town, name)]
    assert held == [name_of(town, alice)]


def test_a_name_that_is_given_back_and_taken_again_at_once_is_held() -> None:
    """The old name's host is another than the user's. What gives the name back is still on its way
    when the user wants it again, and comes when it is theirs again: then anybody can take it, and
    two people are called alike."""
    town = Town(hosts=3)
    home = town.placement.home
    people = ((name, town.register(name)) for name in (f"first{number}" for number in range(50)))
    old, alice = next(
        (name, person)
        for name, person in people
        if home(addresses.username(name)) != home(addresses.user(person.user_id))
    )
    names = (f"second{number}" for number in range(50))
    mine = home(addresses.user(alice.user_id))
    new = next(name for name in names if home(addresses.username(name)) == mine)
    town.settle()
    asked = town.post(addresses.username(new), ClaimUsername(new), alice)
    town.commit(mine)
    assert asked in town.answers, "the new name is theirs"
    assert claim(town, alice, old) == old
    assert consistent(town, alice)


def test_a_registration_whose_id_is_taken_leaves_the_name_free(town: Town) -> None:
    """Ids are drawn at random. Whoever draws one that is taken registers again with another id,
    and finds the name in the hands of the one whose id it is."""
    alice = town.register("alice")
    unlucky = NewAccount(alice.user_id, 2, "newcomer", "Name", "another hash", b"token", "")
    for _ in range(2):
        refusal = refused(town, addresses.username("newcomer"), unlucky)
        assert (refusal.code, refusal.retry_after) == ("unavailable", 0.1)
        assert holder(town, "newcomer") == 0
    assert claim(town, alice, "newcomer") == "newcomer"
    assert refused(town, addresses.username("newcomer"), unlucky).code == "unavailable"
    assert consistent(town, alice), "the name that it did not take is not given back"


def test_a_registration_that_is_repeated_late_does_not_take_the_name_again(town: Town) -> None:
    """The user exists, and has changed the name meanwhile."""
    account = NewAccount(5, 1, "alice", "Alice", "hash", b"token", "")
    first = town.ask(addresses.username("alice"), account)
    alice = Caller(5, 1)
    assert claim(town, alice, "alicia") == "alicia"
    again = town.ask(addresses.username("alice"), account)
    assert (first["user"]["username"], again["user"]["username"]) == ("alice", "alicia")
    assert holder(town, "alice") == 0
    assert consistent(town, alice)
