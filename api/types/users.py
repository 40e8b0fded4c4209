"""People."""

from __future__ import annotations

from api.types.base import Record
from api.types.media import Media


class Status(Record, frozen=True):
    """Presence of a user: online now, or when last seen (Unix ms; 0 is never)."""

    online: bool
    last_seen_ms: int


class User(Record, frozen=True):
    """`photo`: the profile picture, its name left out; to be had at `/media/photo/`. `status` is
    left out for whom this user blocks."""

    id: int
    username: str
    name: str
    bio: str = ""
    status: Status | None = None
    photo: Media | None = None


class Contact(Record, frozen=True):
    """Somebody whom one knows; `name` is what one calls them, empty if nothing else."""

    user_id: int
    name: str = ""


class Users(Record, frozen=True):
    """The users found, in the order asked for; unknown ids are left out."""

    users: list[User]


class Contacts(Record, frozen=True):
    """A page of contacts; `more` tells whether there are others after it."""

    contacts: list[Contact]
    more: bool = False


class UserIds(Record, frozen=True):
    """Users by their ids."""

    user_ids: list[int]


class ProfileChanged(Record, frozen=True, tag="profile", tag_field="type"):
    """Your own profile changed."""

    user: User


class ContactChanged(Record, frozen=True, tag="contact", tag_field="type"):
    """Your list of contacts or blocked users changed."""

    user_id: int
    name: str = ""
    contact: bool = False
    blocked: bool = False


UserUpdate = ProfileChanged | ContactChanged
"""What all devices learn of people."""
