"""People whom one knows, and whom one blocks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api import limits
from api import types as t
from api.methods.fields import NameOrNone, UserId
from api.methods.registry import Params, method


@method("contacts.add", to="gateway", errors=("user_not_found", "too_many"))
class AddContact(Params, frozen=True):
    """Put a user into your contacts, with a name of your own for them if you like."""

    user_id: UserId
    name: NameOrNone = ""


@method("contacts.remove", to="user")
class RemoveContact(Params, frozen=True):
    """Take a user out of your contacts."""

    user_id: UserId


@method("contacts.list", to="user", result=t.Contacts, read=True)
class GetContacts(Params, frozen=True):
    """Your contacts by ascending user id, from the first one after `after_id`."""

    after_id: Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.CONTACTS_PAGE_MAX)] = limits.CONTACTS_PAGE_MAX


@method("contacts.block", to="gateway", errors=("forbidden", "user_not_found", "too_many"))
class Block(Params, frozen=True):
    """Stop a user from writing to you, adding you to groups and seeing when you are online."""

    user_id: UserId


@method("contacts.unblock", to="user")
class Unblock(Params, frozen=True):
    """Take a block back."""

    user_id: UserId


@method("contacts.blocked", to="user", result=t.UserIds, read=True)
class GetBlocked(Params, frozen=True):
    """Whom you block."""
