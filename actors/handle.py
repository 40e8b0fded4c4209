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
    """`claim` counts the claims of the present holder."""

    user_id: int = 0
    claim: int = 0


HEAD = head_table(HandleHead)


class Handle:
    """In memory: who holds the name (user id 0: nobody)."""

    __slots__ = ("head",)

    def __init__(self, view: View) -> None:
        self.head = HEAD.get(view, None) or HandleHead()

    def claim(self, user_id: int, turn: Turn) -> int:
        """Give the name to a user; refuse if somebody else holds it. Returns the number of the
        claim: who gives a name back tells which claim they mean, because it may be under way when
        they claim the name again."""
        if self.head.user_id not in (0, user_id):
            raise ApiError("username_taken")
        self.head = HandleHead(user_id, self.head.claim + 1)
        HEAD.put(turn, None, self.head)
        return self.head.claim


handle = Kind("handle", Handle)


@handle.on(NewAccount)
def new_account(state: Handle, message: NewAccount, turn: Turn) -> None:
    claim = state.head.claim  # where the message is a repeated one
    if state.head.user_id != message.user_id:
        claim = state.claim(message.user_id, turn)
    turn.send(refs.user(message.user_id), CreateUser(message, claim), answer=True)


@handle.on(ClaimUsername)
def claim_username(state: Handle, message: ClaimUsername, turn: Turn) -> None:
    claim = state.claim(turn.caller.user_id, turn)
    turn.send(refs.user(turn.caller.user_id), Claimed(message.username, claim), answer=True)


@handle.on(ReleaseHandle)
def release(state: Handle, message: ReleaseHandle, turn: Turn) -> None:
    if state.head == HandleHead(message.user_id, message.claim):
        state.head = HandleHead()
        HEAD.delete(turn, None)


@handle.reads(LookUp)
def look_up(view: View, message: LookUp) -> Holder:
    return Holder((HEAD.get(view, None) or HandleHead()).user_id)
