"""People, and one's own profile."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from api import types as t
from api.methods.fields import Bio, Name, Ticket, UserIds, Username
from api.methods.registry import Params, method


@method("users.me", to="user", result=t.User, read=True)
class GetMe(Params, frozen=True):
    """Your own profile."""


@method("users.get", to="gateway", result=t.Users, read=True)
class GetUsers(Params, frozen=True):
    """Profiles and presence of users; unknown ids are left out."""

    user_ids: UserIds


@method("users.resolve", to="gateway", result=t.User, read=True, errors=("user_not_found", "flood"))
class ResolveUsername(Params, frozen=True):
    """The user who holds a user name."""

    username: Username


@method("users.update_profile", to="user", result=t.User)
class UpdateProfile(Params, frozen=True):
    """Change name or bio; what is left out stays."""

    name: Name | UnsetType = UNSET
    bio: Bio | UnsetType = UNSET


@method(
    "users.set_username",
    to="gateway",
    result=t.User,
    errors=("username_taken", "username_reserved", "flood"),
)
class SetUsername(Params, frozen=True):
    """Take another user name; the old one becomes free."""

    username: Username


@method("users.set_photo", to="user", tickets=("media",), result=t.User, errors=("ticket_invalid",))
class SetPhoto(Params, frozen=True):
    """Take another profile picture; with an empty ticket, none. Only a file that is a `photo` can
    be one."""

    media: Ticket = ""
