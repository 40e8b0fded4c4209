"""A user's profile and name, the people they know, and those whom they block."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from actors import addresses
from actors.chat.messages import OpenChat, SetBlock
from actors.handle.messages import ReleaseHandle
from actors.updates import ContactEntry, ProfileEntry
from actors.user.messages import (
    Claimed,
)
from actors.user.presence import show_presence_to
from actors.user.state import (
    BLOCKED,
    CONTACTS,
    BlockRow,
    ContactRow,
    UserActor,
    UserHead,
    profile,
    user,
)
from api import limits
from api import types as t
from api.errors import ApiError
from api.methods import (
    AddContact,
    Block,
    OpenPrivate,
    RemoveContact,
    Unblock,
    UpdateProfile,
)
from runtime.turn import Turn


def profile_changed(state: UserActor, turn: Turn, head: UserHead) -> t.User:
    """Store it, and tell the user's devices; what it looks like now."""
    state.put(turn, head)
    state.record(turn, ProfileEntry())
    return profile(turn, head)


@user.on(UpdateProfile)
def update_profile(state: UserActor, message: UpdateProfile, turn: Turn) -> t.User:
    head = state.access()
    name = head.name if message.name is UNSET else message.name
    bio = head.bio if message.bio is UNSET else message.bio
    if (name, bio) == (head.name, head.bio):
        return profile(turn, head)
    return profile_changed(state, turn, replace(head, name=name, bio=bio))


@user.on(Claimed)
def claimed(state: UserActor, message: Claimed, turn: Turn) -> t.User:
    head = state.access()
    if head.username.lower() != message.username.lower():
        turn.send(addresses.username(head.username), ReleaseHandle(state.id, head.claim))
    claimed_head = replace(head, username=message.username, claim=message.claim)
    if head.username == message.username:
        state.put(turn, claimed_head)
        return profile(turn, head)
    return profile_changed(state, turn, claimed_head)


def _contact_changed(state: UserActor, turn: Turn, user_id: int) -> t.Ok:
    contact = CONTACTS.get(turn, user_id)
    blocked = BLOCKED.get(turn, user_id) is not None
    name = contact.name if contact else ""
    flags = (1 if contact else 0) + (2 if blocked else 0)
    state.record(turn, ContactEntry("", user_id, flags, name))
    return t.Ok()


@user.on(AddContact)
def add_contact(state: UserActor, message: AddContact, turn: Turn) -> t.Ok:
    head = state.access()
    old = CONTACTS.get(turn, message.user_id)
    if old is None:
        if head.contacts >= limits.CONTACTS_MAX:
            raise ApiError("too_many", f"you have {limits.CONTACTS_MAX} contacts already")
        state.put(turn, replace(head, contacts=head.contacts + 1))
    elif old.name == message.name:
        return t.Ok()
    CONTACTS.put(turn, message.user_id, ContactRow(message.name))
    return _contact_changed(state, turn, message.user_id)


@user.on(RemoveContact)
def remove_contact(state: UserActor, message: RemoveContact, turn: Turn) -> t.Ok:
    head = state.access()
    if CONTACTS.get(turn, message.user_id) is None:
        return t.Ok()
    state.put(turn, replace(head, contacts=head.contacts - 1))
    CONTACTS.delete(turn, message.user_id)
    return _contact_changed(state, turn, message.user_id)


@user.on(Block)
def block(state: UserActor, message: Block, turn: Turn) -> t.Ok:
    if message.user_id == state.id:
        raise ApiError("forbidden", "you cannot block yourself")
    if BLOCKED.get(turn, message.user_id) is not None:
        return t.Ok()
    if len(BLOCKED.scan(turn, limit=limits.BLOCKED_MAX)) == limits.BLOCKED_MAX:
        raise ApiError("too_many", f"you block {limits.BLOCKED_MAX} users already")
    BLOCKED.put(turn, message.user_id, BlockRow(turn.date_ms))
    return _block_changed(state, turn, message.user_id, True)


@user.on(Unblock)
def unblock(state: UserActor, message: Unblock, turn: Turn) -> t.Ok:
    if BLOCKED.get(turn, message.user_id) is None:
        return t.Ok()
    BLOCKED.delete(turn, message.user_id)
    return _block_changed(state, turn, message.user_id, False)


def _block_changed(state: UserActor, turn: Turn, user_id: int, blocked: bool) -> t.Ok:
    chat = addresses.chat(addresses.private_chat_id(state.id, user_id))
    turn.send(chat, SetBlock(state.id, blocked))
    show_presence_to(state, turn, user_id, hidden=blocked)
    return _contact_changed(state, turn, user_id)


@user.on(OpenPrivate)
def open_private(state: UserActor, message: OpenPrivate, turn: Turn) -> None:
    """Routed to the one whom the caller wants to talk to: they exist, so there can be a chat."""
    state.access()
    chat_id = addresses.private_chat_id(turn.caller.user_id, state.id)
    turn.send(addresses.chat(chat_id), OpenChat(turn.caller.user_id, state.id), answer=True)
