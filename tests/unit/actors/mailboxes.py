"""Mailboxes in a town: what happened, asked for as a client asks."""

from __future__ import annotations

from typing import Any

import msgspec

from actors import addresses
from actors.user.messages import MailSlice, NewLogin
from api import methods as m
from api import types as t
from runtime.refs import Caller
from tests.unit.actors.town import Town, mail_of


class Pair:
    """Two people and their chat."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.alice, self.bobby = town.register("alice"), town.register("bobby")
        self.chat = town.private(self.alice, self.bobby)

    def write(self, number: int) -> None:
        """Alice writes so many messages."""
        for _ in range(number):
            self.town.send(self.alice, self.chat, "hello")
        self.town.settle()


def difference(town: Town, caller: Caller, pts: int, limit: int = 100) -> MailSlice:
    answer = town.ask(addresses.user(caller.user_id), m.GetDifference(pts, limit), caller)
    return msgspec.convert(answer, MailSlice)


def pts_of(town: Town, caller: Caller) -> int:
    state: t.MailboxState = town.call(caller, m.GetState())
    return state.pts


def walk(town: Town, caller: Caller, pts: int = 0, limit: int = 100) -> list[tuple[int, Any]]:
    """All updates after `pts`, asked for page by page as a client does."""
    found: list[tuple[int, Any]] = []
    while True:
        page = difference(town, caller, pts, limit)
        found += page.entries
        if page.kind in ("empty", "full"):
            return found
        assert page.kind == "slice"
        assert len(page.entries) == limit, "a slice is as long as was asked for"
        pts = page.pts


def told(town: Town, caller: Caller, pts: int = 0) -> list[tuple[str, int, int]]:
    """All updates after `pts`: what happened, and the two numbers."""
    mails = [mail_of(entry) for _, entry in walk(town, caller, pts)]
    return [(mail.kind, mail.first, mail.second) for mail in mails]


def dialogs(town: Town, caller: Caller, offset: int = 0, limit: int = 50) -> t.Dialogs:
    answer = town.ask(addresses.user(caller.user_id), m.GetDialogs(offset, limit), caller)
    return msgspec.convert(answer, t.Dialogs)


def dialog(town: Town, caller: Caller, chat_id: str) -> t.Dialog:
    page = dialogs(town, caller)
    return next(found for found in page.dialogs if found.chat_id == chat_id)


def fill(town: Town, caller: Caller, updates: int) -> None:
    """That many updates of the cheapest kind."""
    start = pts_of(town, caller)
    for number in range(start, start + updates):
        town.post(addresses.user(caller.user_id), m.UpdateProfile(bio=f"{number}"), caller)
    town.settle()


def acknowledge(town: Town, caller: Caller, pts: int) -> None:
    assert town.call(caller, m.Ack(pts)) == t.Ok()
    town.settle()


def read(town: Town, caller: Caller, chat_id: str, max_id: int) -> t.ReadMark:
    mark: t.ReadMark = town.call(caller, m.MarkRead(chat_id, max_id))
    town.settle()
    return mark


def log_in(town: Town, caller: Caller, session_id: int) -> Caller:
    """Another device of somebody."""
    message = NewLogin(session_id, b"token", "another", "hash")
    town.ask(addresses.user(caller.user_id), message)
    return Caller(caller.user_id, session_id)


def group_of(town: Town, owner: Caller, *others: Caller) -> str:
    invited = [other.user_id for other in others]
    made: t.Chat = town.call(owner, m.CreateGroup("Group", 1, invited))
    town.settle()
    return made.id
