"""An invitation to this server: a code that lets a number of people register.

Owns how often it may still be used, and by whom it was. A use is durable before the registration
goes on; a repeated registration with the same ids is counted once. When its host dies, the
registration is repeated by the front.
"""

from __future__ import annotations

from msgspec import Struct

from actors.messages import MakeInvitation, UseInvitation
from actors.runtime import refs
from actors.runtime.kind import Kind
from actors.runtime.rows import U64, Table, View, head_table
from actors.runtime.turn import Turn
from api import types as t
from api.errors import ApiError


class InvitationHead(Struct, frozen=True, array_like=True):
    uses_left: int


class Use(Struct, frozen=True, array_like=True):
    at_ms: int


HEAD = head_table(InvitationHead)
USES: Table[int, Use] = Table(1, Use, U64)


class Invitation:
    """In memory: how many uses are left (0 as well where there is no such invitation)."""

    __slots__ = ("uses_left",)

    def __init__(self, view: View) -> None:
        self.uses_left = (HEAD.get(view, None) or InvitationHead(0)).uses_left


invitation = Kind("invitation", Invitation)


@invitation.on(MakeInvitation)
def make(state: Invitation, message: MakeInvitation, turn: Turn) -> t.Ok:
    state.uses_left = message.uses
    HEAD.put(turn, None, InvitationHead(message.uses))
    return t.Ok()


@invitation.on(UseInvitation)
def use(state: Invitation, message: UseInvitation, turn: Turn) -> None:
    account = message.account
    if USES.get(turn, account.user_id) is None:
        if state.uses_left <= 0:
            raise ApiError("invitation_invalid")
        state.uses_left -= 1
        HEAD.put(turn, None, InvitationHead(state.uses_left))
        USES.put(turn, account.user_id, Use(turn.now_ms))
    turn.send(refs.username(account.username), account, answer=True)
