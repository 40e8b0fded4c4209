"""Checkers of user names: a name has one holder at a time, and changes hands in order."""

from __future__ import annotations

from collections.abc import Iterator

from api import methods as m
from api import types as t
from sim.world.evidence import Evidence
from sim.world.history import Op


def names_agree(evidence: Evidence) -> Iterator[str]:
    """In the end, everybody holds the name that they are called by, and no other."""
    called: dict[str, int] = {}
    for user_id, account in evidence.final.accounts.items():
        if account.head is not None:
            name = account.head.username.lower()
            if called.setdefault(name, user_id) != user_id:
                yield f"{name} is the name of {called[name]} and {user_id}"
    if called != evidence.final.holders:
        yield f"names are held by {evidence.final.holders}, and people are called {called}"
    for device in evidence.history.devices:
        if called.get(evidence.back.names[device.name].lower()) != device.user_id:
            yield f"{device.name} is told to be {evidence.back.names[device.name]}"


def claims_are_exclusive(evidence: Evidence) -> Iterator[str]:
    """Who takes a name that somebody had taken before does so after they began to give it up."""
    claims = [(op, _name(op)) for op in evidence.history.of(m.SetUsername)]
    for op, name in claims:
        if not op.answered:
            continue
        for later, other_name in claims:
            if other_name != name or later.user_id == op.user_id or not later.answered:
                continue
            if later.began_s > op.ended_s and not any(
                release.user_id == op.user_id
                and released != name
                and release.began_s < later.ended_s
                and evidence.lasts_until(release) > op.began_s
                for release, released in claims
            ):
                yield f"{later} was answered, although {op} holds the name"


def refusals_have_reasons(evidence: Evidence) -> Iterator[str]:
    """A name is taken, or resolved to somebody, only if somebody may have claimed it by then."""
    claims = [(op, _name(op)) for op in evidence.history.of(m.SetUsername)]
    for op, name in claims:
        if op.refused != "username_taken":
            continue
        registered = evidence.registered.get(name, op.user_id) != op.user_id
        if not registered and not any(
            other == name and claim.user_id != op.user_id and claim.began_s < op.ended_s
            for claim, other in claims
        ):
            yield f"{op} is refused, although nobody else ever wanted the name"
    for op in evidence.history.of(m.ResolveUsername):
        assert isinstance(op.params, m.ResolveUsername)
        name, found = op.params.username.lower(), op.result
        if not isinstance(found, t.User) or evidence.registered.get(name) == found.id:
            continue
        if not any(
            other == name and claim.user_id == found.id and claim.began_s < op.ended_s
            for claim, other in claims
        ):
            yield f"{op} finds {found}, who never claimed that name"


def _name(op: Op) -> str:
    assert isinstance(op.params, m.SetUsername)
    return op.params.username.lower()
