"""Groups: create, add, remove, leave, and what a group is.

A change is a service message in the log, so all members see all changes in one order; or it is told
by an update of its own (`as_told`). Adding somebody takes three turns: the group checks the right
to add, the user exists and does not block, the group takes them in.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from actors import addresses, flood
from actors.chat.messages import Joined
from actors.chat.state import (
    ACTS,
    MEMBERS,
    PHOTO,
    ChatActor,
    ChatHead,
    MemberRow,
    MessageRow,
    chat,
    view_of,
)
from actors.user.messages import Invite, MarksChanged, Tell
from actors.user.photo import exchange
from api import limits
from api import types as t
from api.errors import ApiError
from api.methods import (
    AddMember,
    CreateGroup,
    LeaveGroup,
    RemoveMember,
    RenameGroup,
    SetAdmin,
    SetChatPhoto,
    SetDescription,
    SetMemberRights,
    TransferOwnership,
)
from runtime.turn import Turn


def _note(
    state: ChatActor,
    turn: Turn,
    by: int,
    kind: str,
    user_id: int = 0,
    text: str = "",
    gone: int = 0,
) -> int:
    """Write a service message."""
    row = MessageRow(by, turn.date_ms, "", action=(kind, user_id, text))
    return state.append(turn, row, gone=gone)


def _manager(state: ChatActor, turn: Turn) -> tuple[ChatHead, MemberRow]:
    """The gate of managing: owner and admins."""
    head, member = state.access(turn.caller.user_id)
    if member.role == "member":
        raise ApiError("forbidden", "only the owner and admins may do this")
    return head, member


def _owner(state: ChatActor, turn: Turn) -> tuple[ChatHead, MemberRow]:
    head, member = state.access(turn.caller.user_id)
    if member.role != "owner":
        raise ApiError("forbidden", "only the owner may do this")
    return head, member


def _check_adder(head: ChatHead, member: MemberRow) -> None:
    """Whether a member may add others."""
    if member.role == "member" and not head.members_add:
        raise ApiError("forbidden", "in this group only the owner and admins add people")


def _other(state: ChatActor, turn: Turn, user_id: int) -> MemberRow:
    """Another member than the caller."""
    row = state.members.get(user_id)
    if row is None or user_id == turn.caller.user_id:
        raise ApiError("not_member", "this needs another member of the group")
    return row


def _room(state: ChatActor) -> None:
    if len(state.members) >= limits.GROUP_MEMBERS_MAX:
        raise ApiError("group_full", f"a group has at most {limits.GROUP_MEMBERS_MAX} members")


def _room_for_admin(state: ChatActor) -> None:
    admins = sum(member.role == "admin" for member in state.members.values())
    if admins >= limits.GROUP_ADMINS_MAX:
        raise ApiError("too_many", f"a group has at most {limits.GROUP_ADMINS_MAX} admins")


@chat.on(CreateGroup)
def create(
    state: ChatActor, message: CreateGroup, turn: Turn, spent: flood.Paid = None
) -> t.Chat | None:
    """Routed to the id that creator and `random_id` make: repeated, it finds the group there."""
    creator = turn.caller.user_id
    if state.head is not None:
        state.access(creator)
        flood.give_back(turn, spent)
        return view_of(state, turn)
    others = [user_id for user_id in dict.fromkeys(message.user_ids) if user_id != creator]
    charges = (("groups", 1), ("additions", len(others)))
    if not flood.paid(turn, message, charges, spent):
        return None
    state.put(turn, ChatHead("group", message.title, turn.date_ms))
    state.put_member(turn, creator, MemberRow("owner", turn.date_ms, 1))
    _note(state, turn, creator, "group_created", text=message.title)
    for user_id in others:
        turn.send(addresses.user(user_id), Invite(state.id, creator, paid=True))
    return view_of(state, turn)


@chat.on(AddMember)
def add(state: ChatActor, message: AddMember, turn: Turn) -> t.Ok | None:
    head, member = state.access(turn.caller.user_id)
    if message.user_id in state.members:
        return t.Ok()
    _check_adder(head, member)
    _room(state)
    invite = Invite(state.id, turn.caller.user_id)
    turn.send(addresses.user(message.user_id), invite, answer=True)
    return None


@chat.on(Joined)
def joined(state: ChatActor, message: Joined, turn: Turn, spent: flood.Paid = None) -> t.Ok | None:
    """The invited user agrees; whoever invited them must still be in the group, and may do so."""
    head, member = state.access(message.by)
    if message.user_id in state.members:
        flood.give_back(turn, spent)
        return t.Ok()
    _check_adder(head, member)
    _room(state)
    if not message.paid and not flood.paid(turn, message, (("additions", 1),), spent):
        return None
    before = MEMBERS.get(turn, message.user_id)  # somebody who comes back
    hidden = 0 if before is None else before.hidden
    row = MemberRow("member", turn.date_ms, head.last_id + 1, hidden=hidden)
    state.put_member(turn, message.user_id, row)
    _note(state, turn, message.by, "member_added", message.user_id, head.title)
    return t.Ok()


ACTS.update({CreateGroup: create, Joined: joined})


@chat.on(RemoveMember)
def remove(state: ChatActor, message: RemoveMember, turn: Turn) -> t.Ok:
    head, member = _manager(state, turn)
    row = _other(state, turn, message.user_id)
    if row.role == "owner" or (row.role == "admin" and member.role != "owner"):
        raise ApiError("forbidden", "only the owner may remove an admin")
    _take_out(state, head, message.user_id, row, "member_removed", turn)
    return t.Ok()


@chat.on(LeaveGroup)
def leave(state: ChatActor, message: LeaveGroup, turn: Turn) -> t.Ok:
    user_id = turn.caller.user_id
    head, row = state.access(user_id)
    if row.role == "owner" and len(state.members) > 1:
        raise ApiError("forbidden", "hand the group to another member before you leave")
    _take_out(state, head, user_id, row, "member_left", turn)
    return t.Ok()


def _take_out(
    state: ChatActor, head: ChatHead, user_id: int, row: MemberRow, kind: str, turn: Turn
) -> None:
    """The message that tells of it, the next one, is the last that they may read; nothing of the
    group is unread to whoever is not in it."""
    last_id = head.last_id + 1
    left = replace(row, role="member", left_id=last_id, title=head.title)
    state.put_member(turn, user_id, left)
    _note(state, turn, turn.caller.user_id, kind, user_id, gone=user_id)
    turn.send(addresses.user(user_id), MarksChanged(state.id, "read_inbox", last_id, user_id))


@chat.on(RenameGroup)
def rename(state: ChatActor, message: RenameGroup, turn: Turn) -> t.Ok:
    head, _ = _manager(state, turn)
    if head.title != message.title:
        state.put(turn, replace(head, title=message.title))
        _note(state, turn, turn.caller.user_id, "renamed", text=message.title)
    return t.Ok()


@chat.on(SetDescription)
def describe(state: ChatActor, message: SetDescription, turn: Turn) -> t.Ok:
    _manager(state, turn)
    return _tell(state, turn, t.ChatDescribed(state.id, message.description))


@chat.on(SetMemberRights)
def set_member_rights(state: ChatActor, message: SetMemberRights, turn: Turn) -> t.Ok:
    _manager(state, turn)
    return _tell(state, turn, t.MemberRights(state.id, message.add))


def as_told(head: ChatHead, update: t.ChatUpdate) -> ChatHead:
    """The head when this is so, which no message says."""
    match update:
        case t.ChatDescribed(_, description):
            return replace(head, description=description)
        case t.MemberRights(_, add):
            return replace(head, members_add=add)
    assert_never(update)


def _tell(state: ChatActor, turn: Turn, update: t.ChatUpdate) -> t.Ok:
    """Let it be so, and tell all members, unless it is so already."""
    head = state.head
    assert head is not None
    changed = as_told(head, update)
    if changed != head:
        state.put(turn, changed)
        told = Tell.of(update)
        for user_id in state.members:
            turn.send(addresses.user(user_id), told)
    return t.Ok()


@chat.on(SetChatPhoto)
def set_photo(state: ChatActor, message: SetChatPhoto, turn: Turn) -> t.Ok:
    _manager(state, turn)
    if exchange(turn, PHOTO, state.id, message.media):
        kind = "photo_changed" if message.media else "photo_removed"
        _note(state, turn, turn.caller.user_id, kind)
    return t.Ok()


@chat.on(SetAdmin)
def set_admin(state: ChatActor, message: SetAdmin, turn: Turn) -> t.Ok:
    _owner(state, turn)
    row = _other(state, turn, message.user_id)
    role = "admin" if message.admin else "member"
    if row.role == role:
        return t.Ok()
    if message.admin:
        _room_for_admin(state)
    state.put_member(turn, message.user_id, replace(row, role=role))
    kind = "admin_added" if message.admin else "admin_removed"
    _note(state, turn, turn.caller.user_id, kind, message.user_id)
    return t.Ok()


@chat.on(TransferOwnership)
def transfer(state: ChatActor, message: TransferOwnership, turn: Turn) -> t.Ok:
    _, member = _owner(state, turn)
    row = _other(state, turn, message.user_id)
    if row.role != "admin":
        _room_for_admin(state)
    caller = turn.caller.user_id
    state.put_member(turn, caller, replace(member, role="admin"))
    state.put_member(turn, message.user_id, replace(row, role="owner"))
    _note(state, turn, caller, "owner_changed", message.user_id)
    return t.Ok()
