"""Private chats, groups, and the list of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api import limits
from api import types as t
from api.methods.fields import ChatId, Description, GroupId, RandomId, Ticket, Title, UserId
from api.methods.registry import IN_CHAT, Params, method

_MANAGING = ("chat_not_found", "forbidden")
_MEMBERS = ("chat_not_found", "forbidden", "not_member")


@method("chats.open_private", to="gateway", result=t.Chat, errors=("user_not_found", "flood"))
class OpenPrivate(Params, frozen=True):
    """Open the private chat with a user; with yourself, the saved messages. It has to be opened
    once before the first message, the saved messages too; opening it again changes nothing."""

    user_id: UserId


@method("chats.create_group", to="group", result=t.Chat, errors=(*IN_CHAT, "flood"))
class CreateGroup(Params, frozen=True):
    """Create a group you own. Answered when it is there, with you as its only member: those of
    `user_ids` who exist and do not block you join after that, each told by a service message
    (`member_added`); of the others, nothing is told."""

    title: Title
    random_id: RandomId
    user_ids: Annotated[list[UserId], Meta(max_length=limits.GROUP_INVITES_PER_CREATE_MAX)] = []


@method("chats.get", to="chat", result=t.Chat, read=True, errors=IN_CHAT)
class GetChat(Params, frozen=True):
    """A chat you are in, with its members."""

    chat_id: ChatId


@method(
    "chats.add_member",
    to="chat",
    errors=(*_MANAGING, "blocked", "user_not_found", "group_full", "flood"),
)
class AddMember(Params, frozen=True):
    """Add a user to a group: every member may, unless `chats.set_member_rights` says that only its
    owner and admins do. Refused as `blocked` by somebody who blocks you. Adding a member changes
    nothing."""

    chat_id: GroupId
    user_id: UserId


@method("chats.remove_member", to="chat", done_before="not_member", errors=_MEMBERS)
class RemoveMember(Params, frozen=True):
    """Remove a member from a group (owner and admins)."""

    chat_id: GroupId
    user_id: UserId


@method("chats.leave", to="chat", done_before="chat_not_found", errors=_MANAGING)
class LeaveGroup(Params, frozen=True):
    """Leave a group. The owner hands the group over first, unless alone in it."""

    chat_id: GroupId


@method("chats.rename", to="chat", errors=_MANAGING)
class RenameGroup(Params, frozen=True):
    """Change the title of a group (owner and admins)."""

    chat_id: GroupId
    title: Title


@method("chats.set_description", to="chat", errors=_MANAGING)
class SetDescription(Params, frozen=True):
    """Say what a group is about; with an empty text, nothing (owner and admins). With the
    description that it has, nothing changes."""

    chat_id: GroupId
    description: Description


@method("chats.set_member_rights", to="chat", errors=_MANAGING)
class SetMemberRights(Params, frozen=True):
    """Say what members who are no admins may do in a group (owner and admins). `add`: add others,
    which they may in a new one."""

    chat_id: GroupId
    add: bool


@method("chats.set_photo", to="chat", tickets=("media",), errors=(*_MANAGING, "ticket_invalid"))
class SetChatPhoto(Params, frozen=True):
    """Give a group another picture; with an empty ticket, none (owner and admins)."""

    chat_id: GroupId
    media: Ticket = ""


@method("chats.set_admin", to="chat", errors=(*_MEMBERS, "too_many"))
class SetAdmin(Params, frozen=True):
    """Make a member an admin, or an admin a member (owner)."""

    chat_id: GroupId
    user_id: UserId
    admin: bool


@method("chats.transfer_ownership", to="chat", repeatable=False, errors=(*_MEMBERS, "too_many"))
class TransferOwnership(Params, frozen=True):
    """Make another member the owner; you stay as an admin."""

    chat_id: GroupId
    user_id: UserId


@method("chats.dialogs", to="gateway", result=t.Dialogs, read=True)
class GetDialogs(Params, frozen=True):
    """Your chats, latest first, with their top messages."""

    offset: Annotated[int, Meta(ge=0, le=limits.DIALOGS_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.DIALOGS_PAGE_MAX)] = 50
