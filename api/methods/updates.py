"""What has happened: differences and confirmations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api import limits
from api import types as t
from api.methods.fields import Pts
from api.methods.registry import Params, method


@method("updates.state", to="user", result=t.MailboxState, read=True)
class GetState(Params, frozen=True):
    """The number of the last update in your mailbox."""


@method("updates.difference", to="gateway", result=t.Difference, read=True)
class GetDifference(Params, frozen=True):
    """What happened after `pts`. One that the mailbox has not reached is answered as `too_long`,
    with the lower `pts` at which it is: the server was restored from a backup."""

    pts: Pts
    limit: Annotated[int, Meta(ge=1, le=limits.DIFFERENCE_PAGE_MAX)] = 100


@method(
    "updates.poll",
    to="gateway",
    result=t.Difference,
    read=True,
    wire="http",
    errors=("too_many", "storage_full"),
)
class Poll(Params, frozen=True):
    """The difference after `pts`; when it is empty, wait up to `timeout_s` for it not to be. It is
    a connection of its session as long as it waits: where there are too many, the oldest goes
    away, and if that is a poll, it is refused as `too_many`."""

    pts: Pts
    timeout_s: Annotated[int, Meta(ge=0, le=limits.POLL_TIMEOUT_S_MAX)] = 25


@method("updates.ack", to="session")
class Ack(Params, frozen=True):
    """This device has everything up to `pts`: senders see their messages as delivered."""

    pts: Pts
