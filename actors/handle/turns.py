"""A handle: one user name, and who holds it.

Owns the claim to a name; the actor's key is the folded name, so a claim is one turn of one actor
and needs no lock. Claims take effect in the order in which they come. A claim is durable before it
is answered. A registration that is refused gives back all that it had taken. Under overload nothing
is queued here beyond the host's batch. When its host dies, an unanswered claim is repeated by
whoever made it, and repeating it is harmless.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses
from actors.handle.messages import (
    ClaimUsername,
    Holder,
    LookUp,
    NewAccount,
    RefuseAccount,
    ReleaseHandle,
)
from actors.invitation.messages import ReturnUse
from actors.user.messages import Claimed, CreateUser
from api.errors import ApiError
from runtime.kind import Kind
from runtime.refs import ActorRef
from runtime.rows import View, head_table
from runtime.turn import Turn


class HandleHead(Struct, frozen=True, array_like=True):
    """`claim` counts the claims of the present holder."""

    user_id: int = 0
    claim: int = 0


HEAD = head_table(HandleHead)


class HandleActor:
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

    def release(self, user_id: int, claim: int, turn: Turn) -> None:
        """Take the name back, if it still is held by this claim."""
        if self.head == HandleHead(user_id, claim):
            self.head = HandleHead()
            HEAD.delete(turn, None)


handle = Kind("handle", HandleActor)


@handle.on(NewAccount)
def new_account(state: HandleActor, message: NewAccount, turn: Turn) -> None:
    claim, holder = 0, state.head.user_id
    if holder != message.user_id:
        if holder or message.repeated:  # what comes again without the name was refused before
            refuse_account(state, RefuseAccount(message, "username_taken"), turn)
            return
        claim = state.claim(message.user_id, turn)
    turn.send(addresses.user(message.user_id), CreateUser(message, claim), answer=True)


@handle.on(RefuseAccount)
def refuse_account(state: HandleActor, message: RefuseAccount, turn: Turn) -> None:
    if message.given_back:
        raise ApiError(message.code, message.detail, message.retry_after or None)
    account = message.account
    state.release(account.user_id, message.claim, turn)
    if account.invitation and not account.repeated:
        turn.send(ActorRef("invitation", account.invitation), ReturnUse(account.user_id))
    turn.send(turn.ref, replace(message, given_back=True), answer=True)


@handle.on(ClaimUsername)
def claim_username(state: HandleActor, message: ClaimUsername, turn: Turn) -> None:
    claim = state.claim(turn.caller.user_id, turn)
    turn.send(addresses.user(turn.caller.user_id), Claimed(message.username, claim), answer=True)


@handle.on(ReleaseHandle)
def release(state: HandleActor, message: ReleaseHandle, turn: Turn) -> None:
    state.release(message.user_id, message.claim, turn)


@handle.reads(LookUp)
def look_up(view: View, message: LookUp) -> Holder:
    return Holder((HEAD.get(view, None) or HandleHead()).user_id)
