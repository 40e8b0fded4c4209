"""What is said to a handle, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from runtime.messages import Internal


class NewAccount(Internal, frozen=True, tag="NewAccount"):
    """To a handle: claim it for a new user, create the user and its first session. Answered with
    `Authorization` (without the token, which only the front knows). Repeating it with the same
    ids is answered alike; a handle that another user holds answers `username_taken`. `repeated`:
    the invitation counted it before."""

    user_id: int
    session_id: int
    username: str
    name: str
    password_hash: str
    token_hash: bytes
    device: str
    invitation: str = ""
    repeated: bool = False


class RefuseAccount(Internal, frozen=True, tag="RefuseAccount"):
    """To the handle of a registration that is refused: give back what it has taken, the `claim` and
    the use of the invitation, and then (`given_back`) answer so. These are two turns, because one
    that refuses changes nothing."""

    account: NewAccount
    code: str
    detail: str = ""
    retry_after: float = 0.0
    claim: int = 0
    given_back: bool = False


class LookUp(Internal, frozen=True, tag="LookUp"):
    """To a handle (a read): who holds it? Answered with `Holder`, user_id 0 for nobody."""


class Holder(Struct, frozen=True, array_like=True):
    user_id: int


class ClaimUsername(Internal, frozen=True, tag="ClaimUsername"):
    """To a handle: from a user who wants to be called so. Goes on to the user as `Claimed`."""

    username: str


class ReleaseHandle(Internal, frozen=True, tag="ReleaseHandle"):
    """To a handle: its holder gives it back, unless they have claimed it anew meanwhile."""

    user_id: int
    claim: int = 0
