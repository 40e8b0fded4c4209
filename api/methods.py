"""The contract: every method with its parameters, its result and who may call it.

The parameter types are the messages that actors handle, the HTTP bodies, the frames' parameters
and the source of the OpenAPI document. A method is declared by decorating its parameters with
`@method(name, result=...)`; `METHODS` is the registry by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from api import limits
from api import types as t
from api.errors import ERRORS
from api.refusals import NOT_JSON, malformed, pattern
from api.visible import END, LINE, LINE_OR_NONE, TEXT_OR_NONE

pattern(LINE, "must be one line in which something can be seen")
pattern(LINE_OR_NONE, "must be empty, or one line in which something can be seen")
pattern(TEXT_OR_NONE, "must be empty, or have something that can be seen")

UserId = Annotated[int, Meta(ge=1, le=limits.JSON_INT_MAX, description="Id of a user.")]
SessionId = Annotated[int, Meta(ge=1, le=limits.JSON_INT_MAX, description="Id of a session.")]
MessageId = Annotated[int, Meta(ge=1, le=limits.JSON_INT_MAX, description="Id in its chat.")]
MessageIdOrZero = Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)]
Pts = Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX, description="Number of a mailbox update.")]
RandomId = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.JSON_INT_MAX,
        description="Chosen by the client; repeating a call with the same one has no new effect.",
    ),
]
ChatId = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^(p[1-9][0-9]{{0,15}}-[1-9][0-9]{{0,15}}|g[1-9][0-9]{{0,15}}){END}",
            "must be the id of a chat: `p<low>-<high>` or `g<number>`",
        ),
        max_length=40,
        description="`p<low>-<high>` for a private chat, `g<number>` for a group.",
    ),
]
GroupId = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^g[1-9][0-9]{{0,15}}{END}", "must be the id of a group: `g` and a number"
        ),
        max_length=40,
    ),
]
Username = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^[A-Za-z][A-Za-z0-9_]{{{limits.USERNAME_CHARS_MIN - 1},"
            f"{limits.USERNAME_CHARS_MAX - 1}}}{END}",
            f"must have {limits.USERNAME_CHARS_MIN} to {limits.USERNAME_CHARS_MAX} letters from a "
            "to z, digits and underscores, and begin with a letter",
        ),
        description="Letters, digits and underscore, beginning with a letter; case is kept but "
        "does not tell names apart.",
    ),
]
Name = Annotated[
    str,
    Meta(min_length=1, max_length=limits.NAME_CHARS_MAX, pattern=LINE, description="A name."),
]
NameOrNone = Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX, pattern=LINE_OR_NONE)]
Bio = Annotated[str, Meta(max_length=limits.BIO_CHARS_MAX, pattern=LINE_OR_NONE)]
Title = Annotated[str, Meta(min_length=1, max_length=limits.TITLE_CHARS_MAX, pattern=LINE)]
Device = Annotated[
    str,
    Meta(
        max_length=limits.DEVICE_CHARS_MAX,
        pattern=LINE_OR_NONE,
        description="Shown in the list.",
    ),
]
NewPassword = Annotated[
    str, Meta(min_length=limits.PASSWORD_CHARS_MIN, max_length=limits.PASSWORD_CHARS_MAX)
]
Password = Annotated[str, Meta(min_length=1, max_length=limits.PASSWORD_CHARS_MAX)]
TextOrNone = Annotated[str, Meta(max_length=limits.TEXT_CHARS_MAX, pattern=TEXT_OR_NONE)]
FileName = Annotated[
    str,
    Meta(
        max_length=limits.FILE_NAME_CHARS_MAX,
        description="What the file is called; shown, and never used as a path.",
    ),
]
FileHash = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^[A-Za-z0-9_-]{{43}}{END}",
            "must be a BLAKE3 hash in base64url without padding: 43 characters",
        ),
        description="BLAKE3 in base64url without padding: of a file of one part, the hash of its "
        "bytes; of a longer one, that of the hashes (32 bytes each) of its parts, one after "
        "another.",
    ),
]
Ticket = Annotated[
    str,
    Meta(
        max_length=8192,
        description="The `ticket` of what `media.finish` or `POST /media/upload` answered: that "
        "text alone, not the object around it. Empty: none.",
    ),
]
Token = Annotated[str, Meta(min_length=1, max_length=128)]
UserIds = Annotated[list[UserId], Meta(min_length=1, max_length=limits.USERS_PER_REQUEST_MAX)]


Destination = Literal["user", "session", "chat", "group", "gateway", "auth", "files", "connection"]
"""Who carries a method out: one actor (the caller's user or session, the chat `chat_id`, the group
that the caller creates with `random_id`), the gateway, which asks several, the authentication
service, the service of files, or the live connection itself."""


class Method(NamedTuple):
    """A row of the registry; all that is true of a method. `auth`: a token is needed. `read`:
    changes nothing, and runs on what is committed. `wire`: may be called through `http`, live
    connections (`ws`) or both. `errors`: the codes of all refusals that it can be answered with, in
    the order of `ERRORS`. `to`: see `Destination`. `repeatable`: it may be called again where it is
    not known whether it was carried out; `done_before` is the refusal that tells then that it was,
    if there is one. `tickets`: the parameters that are tickets of files."""

    name: str
    params: type[Params]
    result: Any
    auth: bool
    read: bool
    wire: Literal["both", "http", "ws"]
    doc: str
    errors: tuple[str, ...]
    to: Destination
    repeatable: bool
    done_before: str
    tickets: tuple[str, ...]


METHODS: dict[str, Method] = {}
P = TypeVar("P", bound="Params")


class Params(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parameter types."""

    method: ClassVar[Method]


def method(
    name: str,
    *,
    to: Destination,
    result: Any = t.Ok,
    auth: bool = True,
    read: bool = False,
    wire: Literal["both", "http", "ws"] = "both",
    errors: tuple[str, ...] = (),
    repeatable: bool = True,
    done_before: str = "",
    tickets: tuple[str, ...] = (),
) -> Callable[[type[P]], type[P]]:
    """Declare a method by its parameter type; see `Method`. `errors`: what it can be refused with
    beside what follows from the rest."""
    can = {"bad_request", "invalid_params", "internal", "overloaded", "unavailable", *errors}
    if auth:
        can.add("unauthorized")
    if auth or not read:
        can.add("storage_corrupt")
    if not read:
        can.add("storage_full")
    if wire != "ws":
        can |= {"too_large", "too_slow", "unsupported_media_type"}
    assert can <= ERRORS.keys(), f"{name}: {can - ERRORS.keys()}"
    assert not done_before or done_before in can, f"{name} is not refused as {done_before}"
    codes = tuple(code for code in ERRORS if code in can)

    def declare(params: type[P]) -> type[P]:
        doc = " ".join((params.__doc__ or "").split())
        assert name not in METHODS, f"there are two methods {name}"
        assert set(tickets) <= set(params.__annotations__), f"{name} has no such parameters"
        params.method = METHODS[name] = Method(
            name,
            params,
            result,
            auth,
            read,
            wire,
            doc,
            codes,
            to,
            repeatable,
            done_before,
            tickets,
        )
        return params

    return declare


_IN_CHAT = ("chat_not_found",)
_MANAGING = ("chat_not_found", "forbidden")
_MEMBERS = ("chat_not_found", "forbidden", "not_member")


# --- auth -------------------------------------------------------------------------------------


@method(
    "auth.register",
    to="auth",
    result=t.Authorization,
    auth=False,
    wire="http",
    errors=(
        "registration_closed",
        "invitation_invalid",
        "username_taken",
        "username_reserved",
        "password_common",
        "flood",
    ),
)
class Register(Params, frozen=True):
    """Create an account and log its first device in."""

    username: Username
    password: NewPassword
    name: Name
    device: Device = ""
    invitation: Annotated[str, Meta(max_length=64)] = ""


@method(
    "auth.login",
    to="auth",
    repeatable=False,
    result=t.Authorization,
    auth=False,
    wire="http",
    errors=("wrong_credentials", "flood"),
)
class Login(Params, frozen=True):
    """Log a device in. A wrong user name and a wrong password are answered alike."""

    username: Username
    password: Password
    device: Device = ""


@method("auth.logout", to="user", done_before="unauthorized")
class Logout(Params, frozen=True):
    """End this session; its token is void and its connections close."""


@method("auth.sessions", to="user", result=t.Sessions, read=True)
class GetSessions(Params, frozen=True):
    """All logins of this account."""


@method(
    "auth.end_session", to="user", done_before="session_not_found", errors=("session_not_found",)
)
class EndSession(Params, frozen=True):
    """End one other session of this account. Your own one is refused: `auth.logout` ends it."""

    session_id: SessionId


@method("auth.end_other_sessions", to="user", result=t.Ended)
class EndOtherSessions(Params, frozen=True):
    """End all sessions of this account but this one."""


@method(
    "auth.change_password",
    to="auth",
    repeatable=False,
    wire="http",
    errors=("wrong_credentials", "password_common", "flood"),
)
class ChangePassword(Params, frozen=True):
    """Change the password; all other sessions end."""

    old_password: Password
    new_password: NewPassword


# --- help -------------------------------------------------------------------------------------


@method("help.limits", to="gateway", result=t.LimitTable, auth=False, read=True)
class GetLimits(Params, frozen=True):
    """The limits of this server."""


@method("help.config", to="gateway", result=t.Config, auth=False, read=True)
class GetConfig(Params, frozen=True):
    """Where live connections go, and what this server is."""


# --- users ------------------------------------------------------------------------------------


@method("users.me", to="user", result=t.User, read=True)
class GetMe(Params, frozen=True):
    """Your own profile."""


@method("users.get", to="gateway", result=t.Users, read=True)
class GetUsers(Params, frozen=True):
    """Profiles and presence of users; unknown ids are left out."""

    user_ids: UserIds


@method("users.resolve", to="gateway", result=t.User, read=True, errors=("user_not_found", "flood"))
class ResolveUsername(Params, frozen=True):
    """The user who holds a user name."""

    username: Username


@method("users.update_profile", to="user", result=t.User)
class UpdateProfile(Params, frozen=True):
    """Change name or bio; what is left out stays."""

    name: Name | UnsetType = UNSET
    bio: Bio | UnsetType = UNSET


@method(
    "users.set_username",
    to="gateway",
    result=t.User,
    errors=("username_taken", "username_reserved", "flood"),
)
class SetUsername(Params, frozen=True):
    """Take another user name; the old one becomes free."""

    username: Username


@method("users.set_photo", to="user", tickets=("media",), result=t.User, errors=("ticket_invalid",))
class SetPhoto(Params, frozen=True):
    """Take another profile picture; with an empty ticket, none. Only a file that is a `photo` can
    be one."""

    media: Ticket = ""


# --- contacts ---------------------------------------------------------------------------------


@method("contacts.add", to="gateway", errors=("user_not_found", "too_many"))
class AddContact(Params, frozen=True):
    """Put a user into your contacts, with a name of your own for them if you like."""

    user_id: UserId
    name: NameOrNone = ""


@method("contacts.remove", to="user")
class RemoveContact(Params, frozen=True):
    """Take a user out of your contacts."""

    user_id: UserId


@method("contacts.list", to="user", result=t.Contacts, read=True)
class GetContacts(Params, frozen=True):
    """Your contacts by ascending user id, from the first one after `after_id`."""

    after_id: Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.CONTACTS_PAGE_MAX)] = limits.CONTACTS_PAGE_MAX


@method("contacts.block", to="gateway", errors=("forbidden", "user_not_found", "too_many"))
class Block(Params, frozen=True):
    """Stop a user from writing to you, adding you to groups and seeing when you are online."""

    user_id: UserId


@method("contacts.unblock", to="user")
class Unblock(Params, frozen=True):
    """Take a block back."""

    user_id: UserId


@method("contacts.blocked", to="user", result=t.UserIds, read=True)
class GetBlocked(Params, frozen=True):
    """Whom you block."""


# --- chats ------------------------------------------------------------------------------------


@method("chats.open_private", to="gateway", result=t.Chat, errors=("user_not_found", "flood"))
class OpenPrivate(Params, frozen=True):
    """Open the private chat with a user; with yourself, the saved messages. It has to be opened
    once before the first message, the saved messages too; opening it again changes nothing."""

    user_id: UserId


@method("chats.create_group", to="group", result=t.Chat, errors=(*_IN_CHAT, "flood"))
class CreateGroup(Params, frozen=True):
    """Create a group you own. Answered when it is there, with you as its only member: those of
    `user_ids` who exist and do not block you join after that, each told by a service message
    (`member_added`); of the others, nothing is told."""

    title: Title
    random_id: RandomId
    user_ids: Annotated[list[UserId], Meta(max_length=limits.GROUP_INVITES_PER_CREATE_MAX)] = []


@method("chats.get", to="chat", result=t.Chat, read=True, errors=_IN_CHAT)
class GetChat(Params, frozen=True):
    """A chat you are in, with its members."""

    chat_id: ChatId


@method(
    "chats.add_member",
    to="chat",
    errors=(*_IN_CHAT, "blocked", "user_not_found", "group_full", "flood"),
)
class AddMember(Params, frozen=True):
    """Add a user to a group: every member may. Refused as `blocked` by somebody who blocks you.
    Adding a member changes nothing."""

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


# --- messages ---------------------------------------------------------------------------------


@method(
    "messages.send",
    to="chat",
    tickets=("media",),
    result=t.Sent,
    errors=(
        *_IN_CHAT,
        "blocked",
        "ticket_invalid",
        "message_not_found",
        "too_many",
        "quota_exceeded",
        "flood",
    ),
)
class SendMessage(Params, frozen=True):
    """Send a text, a file, or both. Answered when it is durable; repeat with the same `random_id`
    until it is answered: it is stored once. A repetition is answered as the first, but without
    `pts`, and what it holds is not looked at: with another text, the first one stays. Messages
    with the same `album`, a number of your choice, are shown together."""

    chat_id: ChatId
    text: TextOrNone
    random_id: RandomId
    reply_to: MessageIdOrZero = 0
    media: Ticket = ""
    album: Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)] = 0


@method("messages.history", to="chat", result=t.History, read=True, errors=_IN_CHAT)
class GetHistory(Params, frozen=True):
    """Messages of a chat by range of ids, in ascending order: the `limit` messages before
    `before_id` (0: the latest), or those after `after_id`; both together are refused. There may be
    fewer where they are long; `more` tells."""

    chat_id: ChatId
    before_id: MessageIdOrZero = 0
    after_id: MessageIdOrZero | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=limits.HISTORY_PAGE_MAX)] = 50


@method("messages.get", to="chat", result=t.History, read=True, errors=_IN_CHAT)
class GetMessages(Params, frozen=True):
    """Messages by their ids; those that are not there or not yours to read are left out. With
    `more`, the answer was full: ask again for the ids after the last one."""

    chat_id: ChatId
    ids: Annotated[list[MessageId], Meta(min_length=1, max_length=limits.MESSAGES_PER_REQUEST_MAX)]


@method("messages.read", to="chat", result=t.ReadMark, errors=_IN_CHAT)
class MarkRead(Params, frozen=True):
    """You have read a chat up to `max_id`. Marks only move forward."""

    chat_id: ChatId
    max_id: MessageId


@method("messages.typing", to="chat", errors=_IN_CHAT)
class SetTyping(Params, frozen=True):
    """Tell the others that you are typing; it fades after `typing_s`."""

    chat_id: ChatId


# --- media ------------------------------------------------------------------------------------


@method("media.begin", to="user", result=t.Upload, errors=("too_many", "quota_exceeded", "flood"))
class BeginUpload(Params, frozen=True):
    """Begin to upload a file of this size in bytes. `upload_id` is a number of your choice:
    repeated with the same one, the call changes nothing. The parts follow by `PUT
    /media/upload/<upload_id>/<part>`, in any order."""

    upload_id: RandomId
    size: Annotated[int, Meta(ge=1, le=limits.FILE_BYTES_MAX)]


@method("media.upload", to="user", result=t.Upload, read=True, errors=("upload_not_found",))
class GetUpload(Params, frozen=True):
    """Which parts of an upload are stored: after an interruption, go on with the others."""

    upload_id: RandomId


@method(
    "media.finish",
    to="files",
    result=t.Finished,
    wire="http",
    errors=("upload_not_found", "upload_incomplete", "quota_exceeded", "hash_mismatch"),
)
class FinishUpload(Params, frozen=True):
    """All parts are stored, and the file is this one. Repeated, it is answered alike,
    and another `hash` is refused. `kind` is how
    it shall be shown; where it is no such thing, it becomes a file. Of a photo, position and
    camera are removed, so that its `file_id` is another one then."""

    upload_id: RandomId
    hash: FileHash
    name: FileName = ""
    kind: t.MediaKind = "file"


@method("media.cancel", to="user")
class CancelUpload(Params, frozen=True):
    """Give up an upload; what was stored of it is deleted in time. One that is not there is given
    up already."""

    upload_id: RandomId


@method("media.link", to="gateway", result=t.Link, read=True, errors=(*_IN_CHAT, "media_not_found"))
class GetLink(Params, frozen=True):
    """A link to the file of a message, for programs that cannot send a token. Whoever has it can
    read the file until it expires."""

    chat_id: ChatId
    message_id: MessageId
    thumb: bool = False


# --- updates ----------------------------------------------------------------------------------


@method("updates.state", to="user", result=t.State, read=True)
class GetState(Params, frozen=True):
    """The number of the last update in your mailbox."""


@method("updates.difference", to="gateway", result=t.Difference, read=True)
class GetDifference(Params, frozen=True):
    """What happened after `pts`. One that the mailbox has not reached is answered as `too_long`,
    with the lower `pts` at which it is: the server was restored from a backup."""

    pts: Pts
    limit: Annotated[int, Meta(ge=1, le=limits.DIFFERENCE_PAGE_MAX)] = 100


@method(
    "updates.poll",
    to="gateway",
    result=t.Difference,
    read=True,
    wire="http",
    errors=("too_many", "storage_full"),
)
class Poll(Params, frozen=True):
    """The difference after `pts`; when it is empty, wait up to `timeout_s` for it not to be. It is
    a connection of its session as long as it waits: where there are too many, the oldest goes
    away, and if that is a poll, it is refused as `too_many`."""

    pts: Pts
    timeout_s: Annotated[int, Meta(ge=0, le=limits.POLL_TIMEOUT_S_MAX)] = 25


@method("updates.ack", to="session")
class Ack(Params, frozen=True):
    """This device has everything up to `pts`: senders see their messages as delivered."""

    pts: Pts


# --- session ----------------------------------------------------------------------------------


@method(
    "session.hello",
    to="connection",
    result=t.Hello,
    auth=False,
    wire="ws",
    errors=("unauthorized",),
)
class SayHello(Params, frozen=True):
    """The first request on a live connection: authenticate it, and let updates flow."""

    token: Token


def params_in(method: Method, body: bytes | msgspec.Raw) -> Params:
    """The parameters that a client sent. Raises `bad_request`, `invalid_params`."""
    try:
        return decode_params(method, body)
    except msgspec.MsgspecError as error:
        raise malformed(error, body) from error


_decoders: dict[str, Callable[[bytes | msgspec.Raw], Any]] = {}


def decode_params(method: Method, body: bytes | msgspec.Raw) -> Params:
    """The parameters in a JSON body. Raises `msgspec.MsgspecError` and nothing else."""
    decode = _decoders.get(method.name)
    if decode is None:
        decode = _decoders[method.name] = msgspec.json.Decoder(method.params).decode
    try:
        params: Params = decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(NOT_JSON[type(error)]) from error
    return params
