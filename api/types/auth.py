"""Logins."""

from __future__ import annotations

from api.types.base import Record
from api.types.users import User


class Session(Record, frozen=True):
    """One login of one device."""

    id: int
    device: str
    created_ms: int
    active_ms: int
    current: bool = False


class Authorization(Record, frozen=True):
    """A fresh login. The token is shown this once, or set as a cookie; the server keeps only its
    hash."""

    session_id: int
    user: User
    token: str = ""


class Sessions(Record, frozen=True):
    """All logins of an account, the one used last first."""

    sessions: list[Session]


class Ended(Record, frozen=True):
    """How many logins were ended."""

    ended: int
