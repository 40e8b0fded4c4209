"""An invitation to this server: a code that lets a number of people register.

Owns how often it may still be used, and by whom it was. A use is durable before the registration
goes on; a repeated registration with the same ids is counted once, and one that is refused gives
its use back, once. When its host dies, the registration is repeated by the front.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses
from actors.invitation.messages import MakeInvitation, ReturnUse, UseInvitation
from api import types as t
from api.errors import ApiError
from runtime.kind import Kind
from runtime.rows import U64, Table, View, head_table
from runtime.turn import Turn


class InvitationHead(Struct, frozen=True, array_like=True):
    uses_left: int


class Use(Struct, frozen=True, array_like=True):
    at_ms: int


HEAD = head_table(InvitationHead)
USES: Table[int, Use] = Table(1, Use, U64)


class InvitationActor:
    """In memory: how many uses are left (0 as well where there is no such invitation)."""

    __slots__ = ("uses_left",)

    def __init__(self, view: View) -> None:
        self.uses_left = (HEAD.get(view, None) or InvitationHead(0)).uses_left

    def put(self, turn: Turn, uses_left: int) -> None:
        self.uses_left = uses_left
        HEAD.put(turn, None, InvitationHead(uses_left))


invitation = Kind("invitation", InvitationActor)


@invitation.on(MakeInvitation)
def make(state: InvitationActor, message: MakeInvitation, turn: Turn) -> t.Ok:
    state.put(turn, message.uses)
    return t.Ok()


@invitation.on(UseInvitation)
def use(state: InvitationActor, message: UseInvitation, turn: Turn) -> None:
    account = message.account
    if USES.get(turn, account.user_id) is not None:
        account = replace(account, repeated=True)
    elif state.uses_left > 0:
        state.put(turn, state.uses_left - 1)
        USES.put(turn, account.user_id, Use(turn.date_ms))
    else:
        raise ApiError("invitation_invalid")
    turn.send(addresses.username(account.username), account, answer=True)


@invitation.on(ReturnUse)
def return_use(state: InvitationActor, message: ReturnUse, turn: Turn) -> None:
    if USES.get(turn, message.user_id) is not None:
        USES.delete(turn, message.user_id)
        state.put(turn, state.uses_left + 1)
