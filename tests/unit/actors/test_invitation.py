"""Invitations: so many may register, and no more."""

from __future__ import annotations

import pytest

from actors import messages as i
from actors.invitation import HEAD, USES, Use
from actors.runtime import refs
from actors.runtime.refs import ActorRef
from api.errors import ApiError
from tests.unit.actors.rows import refused, rows_of, stored, unchanged
from tests.unit.actors.town import Town

CODE = ActorRef("invitation", "code")


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def account(user_id: int, username: str = "") -> i.NewAccount:
    name = username or f"user{user_id}"
    return i.NewAccount(user_id, 1, name, "Name", f"hash of {user_id}", b"token", "phone", "code")


def uses_left(town: Town) -> int:
    head = HEAD.get(rows_of(town, CODE), None)
    assert head is not None
    return head.uses_left


def test_as_many_register_as_it_says(town: Town) -> None:
    assert town.ask(CODE, i.MakeInvitation(2)) == {}
    for user_id in (5, 6):
        made = town.ask(CODE, i.UseInvitation(account(user_id)))
        assert made["user"]["id"] == user_id
        assert town.ask(refs.username(f"user{user_id}"), i.LookUp(), read=True) == [user_id]
    assert refused(town, CODE, i.UseInvitation(account(7))).code == "invitation_invalid"
    uses = USES.scan(rows_of(town, CODE), limit=10)
    assert uses == [(5, Use(town.now_ms)), (6, Use(town.now_ms))]


def test_a_registration_that_is_repeated_counts_once(town: Town) -> None:
    town.ask(CODE, i.MakeInvitation(2))
    first = town.ask(CODE, i.UseInvitation(account(5)))
    assert unchanged(town, CODE, i.UseInvitation(account(5))) == first
    assert uses_left(town) == 1
    town.ask(CODE, i.UseInvitation(account(6)))
    assert unchanged(town, CODE, i.UseInvitation(account(5))) == first, "also when it is used up"


def test_many_at_once_are_no_more(town: Town) -> None:
    town.ask(CODE, i.MakeInvitation(3))
    asked = [town.post(CODE, i.UseInvitation(account(user_id))) for user_id in range(5, 13)]
    town.settle()
    answers = [town.answers[number] for number in asked]
    refusals = [answer.code for answer in answers if isinstance(answer, ApiError)]
    assert refusals == ["invitation_invalid"] * 5


def test_a_code_that_nobody_made_invites_nobody(town: Town) -> None:
    assert refused(town, CODE, i.UseInvitation(account(5))).code == "invitation_invalid"
    assert stored(town) == {}


def test_an_invitation_made_anew_has_that_many_uses(town: Town) -> None:
    town.ask(CODE, i.MakeInvitation(1))
    town.ask(CODE, i.UseInvitation(account(5)))
    town.ask(CODE, i.MakeInvitation(1))
    town.ask(CODE, i.UseInvitation(account(6)))
    assert refused(town, CODE, i.UseInvitation(account(7))).code == "invitation_invalid"


def test_codes_are_apart(town: Town) -> None:
    town.ask(CODE, i.MakeInvitation(1))
    other = ActorRef("invitation", "Code")
    assert refused(town, other, i.UseInvitation(account(5))).code == "invitation_invalid"
    town.ask(CODE, i.UseInvitation(account(5)))


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a registration that is refused uses up an invitation",
)
def test_a_registration_that_is_refused_leaves_the_invitation(town: Town) -> None:
    """Somebody takes the name after the authentication service has found it free."""
    town.register("alice")
    town.ask(CODE, i.MakeInvitation(1))
    assert refused(town, CODE, i.UseInvitation(account(5, "alice"))).code == "username_taken"
    assert town.ask(CODE, i.UseInvitation(account(6, "another")))["user"]["id"] == 6
