"""The data types of the public interface: what methods answer and what updates carry.

All times are Unix milliseconds. Chat ids are strings: `p<low>-<high>` for the private chat of two
users (`p5-5` are the saved messages of user 5), `g<number>` for a group.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Record(Struct, frozen=True, omit_defaults=True):
    """Base of everything that is answered. A field that has its default is left out, and `null`
    is never sent."""


class Status(Record, frozen=True):
    """Presence of a user: online now, or when last seen (Unix ms; 0 is never)."""

    online: bool
    last_seen_ms: int


class Session(Record, frozen=True):
    """One login of one device."""

    id: int
    device: str
    created_ms: int
    active_ms: int
    current: bool = False


class Action(Record, frozen=True):
    """What a service message tells: `user_id` is whom it is about, `text` the title of the group:
    the new one, or to somebody who is added the one that it has."""

    kind: Literal[
        "group_created",
        "member_added",
        "member_removed",
        "member_left",
        "renamed",
        "admin_added",
        "admin_removed",
        "owner_changed",
        "photo_changed",
        "photo_removed",
    ]
    user_id: int = 0
    text: str = ""


MediaKind = Literal["photo", "video", "audio", "voice", "file"]


class Thumb(Record, frozen=True):
    """A small picture of a file, at most 320 pixels long, itself a file: a JPEG or a WebP."""

    file_id: str
    size: int
    mime: str
    width: int
    height: int


class Media(Record, frozen=True):
    """A file that goes with a message, or is a profile picture. `file_id` names its content: of a
    file of one part the BLAKE3 hash of its bytes in base64url, of a longer one that of the hashes
    of its parts; `size` in bytes; `width` and `height` in pixels, as it is shown; `waveform`:
    the loudness of a voice message, 100 bytes in base64; `preview`: a tiny WebP in base64, to be
    shown blurred until there is something better. What is not known is 0 or empty."""

    kind: MediaKind
    file_id: str
    size: int
    name: str
    mime: str
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    waveform: str = ""
    preview: str = ""
    thumb: Thumb | None = None

    def file_ids(self) -> list[str]:
        """That of the file, and of its small picture, if it has one."""
        return [self.file_id] if self.thumb is None else [self.file_id, self.thumb.file_id]


class User(Record, frozen=True):
    """`photo`: the profile picture, its name left out; to be had at `/media/photo/`. `status` is
    left out for whom this user blocks."""

    id: int
    username: str
    name: str
    bio: str = ""
    status: Status | None = None
    photo: Media | None = None


class Message(Record, frozen=True):
    """One message: `id` counts from 1 in its chat, without holes. Those with the same `album` of
    one sender are shown together."""

    chat_id: str
    id: int
    from_id: int
    date_ms: int
    text: str = ""
    action: Action | None = None
    reply_to: int = 0
    random_id: int = 0
    """Shown to the sender only: which of their sends this is."""
    media: Media | None = None
    album: int = 0


Role = Literal["owner", "admin", "member"]


class Member(Record, frozen=True):
    """A member of a chat with the marks up to which they received and read it."""

    user_id: int
    role: Role
    joined_ms: int
    delivered_id: int = 0
    read_id: int = 0


ChatKind = Literal["private", "saved", "group"]


class Chat(Record, frozen=True):
    """`photo`: a group's picture, its name left out."""

    id: str
    kind: ChatKind
    title: str
    created_ms: int
    last_id: int
    members: list[Member]
    photo: Media | None = None


class Dialog(Record, frozen=True):
    """A chat as its owner's list shows it. `title` and `photo` are those of the group, or the name
    and the picture of the other person of a private chat; of a group that its owner is not in any
    more (`left`), there is the title that it had then. `delivered_id` and `read_outbox_id` are
    what somebody else has received and read of the owner's messages, `read_inbox_id` what the owner
    has read.
    `top_pts`: the number of the update that brought the top message, which the list is ordered by
    (0: it came before all those that have one)."""

    chat_id: str
    kind: ChatKind
    top_id: int
    top_date_ms: int
    unread: int = 0
    read_inbox_id: int = 0
    read_outbox_id: int = 0
    delivered_id: int = 0
    left: bool = False
    message: Message | None = None
    top_pts: int = 0
    title: str = ""
    photo: Media | None = None


class Contact(Record, frozen=True):
    user_id: int
    name: str = ""


class MessageNew(Record, frozen=True, tag="message_new", tag_field="type"):
    """A message in a chat of yours, your own ones too. One without text, file and action is one
    that you may no longer read."""

    message: Message


class ReadInbox(Record, frozen=True, tag="read_inbox", tag_field="type"):
    """You read a chat up to `max_id` (on this or another device); `unread` remain."""

    chat_id: str
    max_id: int
    unread: int


class ReadOutbox(Record, frozen=True, tag="read_outbox", tag_field="type"):
    """`user_id` read your messages up to `max_id`."""

    chat_id: str
    max_id: int
    user_id: int


class Delivered(Record, frozen=True, tag="delivered", tag_field="type"):
    """A device of `user_id` received your messages up to `max_id`."""

    chat_id: str
    max_id: int
    user_id: int


class ProfileChanged(Record, frozen=True, tag="profile", tag_field="type"):
    """Your own profile changed."""

    user: User


class ContactChanged(Record, frozen=True, tag="contact", tag_field="type"):
    """Your list of contacts or blocked users changed."""

    user_id: int
    name: str = ""
    contact: bool = False
    blocked: bool = False


Update = MessageNew | ReadInbox | ReadOutbox | Delivered | ProfileChanged | ContactChanged
"""Durable updates: each takes one `pts` of the receiver's mailbox."""


class Typing(Record, frozen=True, tag="typing", tag_field="type"):
    """Somebody is writing in a chat; it fades after `typing_s` of `help.limits`."""

    chat_id: str
    user_id: int


class Presence(Record, frozen=True, tag="presence", tag_field="type"):
    """Somebody with whom you have a private chat has come or gone. How they are when you connect is
    not told: ask `users.get`, and again after every new connection."""

    user_id: int
    status: Status


Event = Typing | Presence
"""Ephemeral events: pushed to whoever is connected, never stored, without `pts`."""


class Numbered(Record, frozen=True):
    """An update with its number in the mailbox."""

    pts: int
    update: Update


class Ok(Record, frozen=True, omit_defaults=False):
    """It is done; also where there was nothing to do."""

    ok: bool = True


class Authorization(Record, frozen=True):
    """A fresh login. The token is shown this once; the server keeps only its hash."""

    token: str
    session_id: int
    user: User


class Sessions(Record, frozen=True):
    sessions: list[Session]


class Ended(Record, frozen=True):
    ended: int


class Users(Record, frozen=True):
    """The users found, in the order asked for; unknown ids are left out."""

    users: list[User]


class Contacts(Record, frozen=True):
    """A page of contacts; `more` tells whether there are others after it."""

    contacts: list[Contact]
    more: bool = False


class UserIds(Record, frozen=True):
    user_ids: list[int]


class Dialogs(Record, frozen=True):
    """A page of dialogs, latest first; `next_offset` is 0 at the end. `pts` is the state of the
    mailbox that the page reflects."""

    dialogs: list[Dialog]
    next_offset: int
    pts: int


class Sent(Record, frozen=True):
    """A message is durable: its id, date, and the number (`pts`) its update has in the sender's
    mailbox; `pts` is 0 when a resend is answered from memory."""

    chat_id: str
    id: int
    date_ms: int
    pts: int = 0


class PartRange(Record, frozen=True):
    """Parts of a file, counted from 0, both ends included."""

    first: int
    last: int


class Upload(Record, frozen=True):
    """A running upload: it takes `parts` parts, and those in `stored` are there."""

    upload_id: int
    size: int
    parts: int
    stored: list[PartRange]


class Finished(Record, frozen=True):
    """A file is stored: what `messages.send` needs of it, and what is known of it. `expires_ms`:
    until when the ticket can be used."""

    ticket: str
    expires_ms: int
    media: Media


class Link(Record, frozen=True):
    """The path at which somebody who has no token can download a file, until `expires_ms`."""

    path: str
    expires_ms: int


class History(Record, frozen=True):
    """A page of messages in ascending order of id; `more` tells whether there are others in the
    direction asked for."""

    messages: list[Message]
    more: bool


class ReadMark(Record, frozen=True):
    max_id: int
    unread: int


class State(Record, frozen=True):
    pts: int
    date_ms: int


class Difference(Record, frozen=True):
    """What happened after the `pts` asked for.

    `empty`: nothing. `full`: these updates, and then you are at `pts`. `slice`: these, and then
    ask again from `pts`. `too_long`: the mailbox no longer holds what you miss; fetch the dialogs
    and go on from `pts`.
    """

    kind: Literal["empty", "full", "slice", "too_long"]
    pts: int
    updates: list[Numbered]


class Config(Record, frozen=True):
    """Where live connections go, and what the server is. They go to `ws_url`; where that is empty,
    to `ws://` and `ws_port` of the host that answers here. `ws_fallback_path` is the same on this
    port. `server_id` stays as long as the server's data."""

    version: str
    ws_url: str
    ws_fallback_path: str
    registration: Literal["open", "invitation", "closed"]
    heartbeat_s: int
    server_id: str = ""
    ws_port: int = 0


class LimitTable(Record, frozen=True):
    limits: dict[str, int]


class Hello(Record, frozen=True):
    """The answer to `session.hello`: who you are, and the state of your mailbox at the moment from
    which live updates flow to this connection."""

    user_id: int
    session_id: int
    pts: int
    heartbeat_s: int
