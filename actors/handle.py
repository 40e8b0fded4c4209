"""A handle: one user name, and who holds it.

Owns the claim to a name; the actor's key is the folded name, so a claim is one turn of one actor
and needs no lock. Claims take effect in the order in which they come. A claim is durable before it
is answered. Under overload nothing is queued here beyond the host's batch. When its host dies, an
unanswered claim is repeated by whoever made it, and repeating it is harmless.
"""

from __future__ import annotations

from msgspec import Struct

from actors.messages import (
    Claimed,
    ClaimUsername,
    CreateUser,
    Holder,
    LookUp,
    NewAccount,
    ReleaseHandle,
)
from actors.runtime import refs
from actors.runtime.kind import Kind
from actors.runtime.rows import View, head_table
from actors.runtime.turn import Turn
from api.errors import ApiError


class HandleHead(Struct, frozen=True, array_like=True):
    user_id: int = 0


HEAD = head_table(HandleHead)


class Handle:
    """In memory: who holds the name (0: nobody)."""

    __slots__ = ("user_id",)

    def __init__(self, view: View) -> None:
        self.user_id = (HEAD.get(view, None) or HandleHead()).user_id

    def claim(self, user_id: int, turn: Turn) -> None:
        """Give the name to a user; refuse if somebody else holds it."""
        if self.user_id not in (0, user_id):
            raise ApiError("username_taken")
        if self.user_id == 0:
            self.user_id = user_id
            HEAD.put(turn, None, HandleHead(user_id))


handle = Kind("handle", Handle)


@handle.on(NewAccount)
def new_account(state: Handle, message: NewAccount, turn: Turn) -> None:
    state.claim(message.user_id, turn)
    turn.send(refs.user(message.user_id), CreateUser(message), answer=True)


@handle.on(ClaimUsername)
def claim_username(state: Handle, message: ClaimUsername, turn: Turn) -> None:
    state.claim(turn.caller.user_id, turn)
    turn.send(refs.user(turn.caller.user_id), Claimed(message.username), answer=True)


@handle.on(ReleaseHandle)
def release(state: Handle, message: ReleaseHandle, turn: Turn) -> None:
    if state.user_id == message.user_id:
        state.user_id = 0
        HEAD.delete(turn, None)


@handle.reads(LookUp)
def look_up(view: View, message: LookUp) -> Holder:
    return Holder((HEAD.get(view, None) or HandleHead()).user_id)
