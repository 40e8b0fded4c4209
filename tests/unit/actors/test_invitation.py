"""Invitations: so many may register, and no more."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from actors import addresses
from actors.handle.messages import ClaimUsername, LookUp, NewAccount
from actors.invitation.messages import MakeInvitation, ReturnUse, UseInvitation
from actors.invitation.turns import HEAD, USES, Use
from actors.verify.walk import verify
from api import methods as m
from api.errors import ApiError
from runtime.refs import ActorRef, Caller
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.rows import refused, rows_of, stored, unchanged
from tests.unit.actors.town import OK, Town

CODE = ActorRef("invitation", "code")


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def account(user_id: int, username: str = "") -> NewAccount:
    name = username or f"user{user_id}"
    return NewAccount(user_id, 1, name, "Name", f"hash of {user_id}", b"token", "phone", "code")


def uses_left(town: Town) -> int:
    head = HEAD.get(rows_of(town, CODE), None)
    assert head is not None
    return head.uses_left


def test_as_many_register_as_it_says(town: Town) -> None:
    assert town.ask(CODE, MakeInvitation(2)) == OK
    for user_id in (5, 6):
        made = town.ask(CODE, UseInvitation(account(user_id)))
        assert made["user"]["id"] == user_id
        assert town.ask(addresses.username(f"user{user_id}"), LookUp(), read=True) == [user_id]
    assert refused(town, CODE, UseInvitation(account(7))).code == "invitation_invalid"
    uses = USES.scan(rows_of(town, CODE), limit=10)
    assert uses == [(5, Use(town.now_ms)), (6, Use(town.now_ms))]


def test_a_registration_that_is_repeated_counts_once(town: Town) -> None:
    town.ask(CODE, MakeInvitation(2))
    first = town.ask(CODE, UseInvitation(account(5)))
    assert unchanged(town, CODE, UseInvitation(account(5))) == first
    assert uses_left(town) == 1
    town.ask(CODE, UseInvitation(account(6)))
    assert unchanged(town, CODE, UseInvitation(account(5))) == first, "also when it is used up"


def test_many_at_once_are_no_more(town: Town) -> None:
    town.ask(CODE, MakeInvitation(3))
    asked = [town.post(CODE, UseInvitation(account(user_id))) for user_id in range(5, 13)]
    town.settle()
    answers = [town.answers[number] for number in asked]
    refusals = [answer.code for answer in answers if isinstance(answer, ApiError)]
    assert refusals == ["invitation_invalid"] * 5


def test_a_code_that_nobody_made_invites_nobody(town: Town) -> None:
    assert refused(town, CODE, UseInvitation(account(5))).code == "invitation_invalid"
    assert stored(town) == {}


def test_an_invitation_made_anew_has_that_many_uses(town: Town) -> None:
    town.ask(CODE, MakeInvitation(1))
    town.ask(CODE, UseInvitation(account(5)))
    town.ask(CODE, MakeInvitation(1))
    town.ask(CODE, UseInvitation(account(6)))
    assert refused(town, CODE, UseInvitation(account(7))).code == "invitation_invalid"


def test_codes_are_apart(town: Town) -> None:
    town.ask(CODE, MakeInvitation(1))
    other = ActorRef("invitation", "Code")
    assert refused(town, other, UseInvitation(account(5))).code == "invitation_invalid"
    town.ask(CODE, UseInvitation(account(5)))


def test_a_registration_that_is_refused_leaves_the_invitation(town: Town) -> None:
    """Somebody takes the name after the authentication service has found it free."""
    town.register("alice")
    town.ask(CODE, MakeInvitation(1))
    assert refused(town, CODE, UseInvitation(account(5, "alice"))).code == "username_taken"
    assert town.ask(CODE, UseInvitation(account(6, "another")))["user"]["id"] == 6


def test_a_registration_whose_id_is_taken_leaves_the_invitation(town: Town) -> None:
    alice = town.register("alice")
    town.ask(CODE, MakeInvitation(1))
    unlucky = UseInvitation(account(alice.user_id, "another"))
    assert refused(town, CODE, unlucky).code == "unavailable"
    assert town.ask(CODE, UseInvitation(account(6, "another")))["user"]["id"] == 6


def test_what_is_refused_and_repeated_is_given_back_once(town: Town) -> None:
    """And what was counted before registers nobody where the name is free by now: its use may be
    on its way back."""
    town.register("alice")
    town.ask(CODE, MakeInvitation(2))
    town.ask(CODE, UseInvitation(account(5)))
    asked = [town.post(CODE, UseInvitation(account(6, "alice"))) for _ in range(3)]
    town.settle()
    codes = [getattr(town.answers[number], "code", "") for number in asked]
    assert codes == ["username_taken"] * 3
    assert uses_left(town) == 1
    town.post(CODE, ReturnUse(7))
    late = replace(account(7, "free"), repeated=True)
    assert refused(town, addresses.username("free"), late).code == "username_taken"
    assert uses_left(town) == 1


ORDERS = [(hosts, seed) for hosts in (1, 3) for seed in range(20)]


@pytest.mark.parametrize(("hosts", "seed"), ORDERS)
def test_whoever_is_counted_is_there(hosts: int, seed: int) -> None:
    """Names and ids are wanted by several at once, requests are repeated, names change, hosts
    crash: as many uses are gone as there are users, and everybody holds their name."""
    rng = random.Random(seed)
    town = Cluster(hosts, seed=seed)
    known = {person.user_id: person for person in map(town.register, ("name0", "name1"))}
    town.settle()
    uses = rng.randint(3, 6)
    town.ask(CODE, MakeInvitation(uses))
    ids = [*known, *range(5, 10)]
    wanted = [
        NewAccount(rng.choice(ids), 1, f"name{rng.randrange(6)}", "", f"{at}", b"", "", "code")
        for at in range(12)
    ]
    waiting: dict[int, NewAccount] = {}
    for _ in range(80):
        act = rng.randrange(10)
        if act < 4:
            chosen = rng.choice(wanted)
            waiting[town.post(CODE, UseInvitation(chosen))] = chosen
        elif act == 4:
            name = f"name{rng.randrange(6)}"
            town.post(addresses.username(name), ClaimUsername(name), rng.choice([*known.values()]))
        elif act == 5:
            town.crash(rng.choice(town.names), appended=rng.random() < 0.5)
            for number, chosen in [*waiting.items()]:
                if number not in town.answers:
                    waiting[town.post(CODE, UseInvitation(chosen))] = chosen
        else:
            for _ in range(rng.randint(1, 10)):
                town.step()
    town.settle()
    made = {
        chosen.user_id
        for number, chosen in waiting.items()
        if not isinstance(town.answers.get(number), ApiError | None)
    }
    view = rows_of(town, CODE)
    counted = {user_id for user_id, _ in USES.scan(view, limit=100)}
    assert counted == made
    assert uses_left(town) == uses - len(made)
    assert not made & known.keys(), "an id is one user's"
    for user_id in made | known.keys():
        name = town.call(Caller(user_id, 1), m.GetMe()).username
        assert town.ask(addresses.username(name), LookUp(), read=True) == [user_id]
    report = verify(town.placement, town.stored())
    assert report.clean, report.findings
