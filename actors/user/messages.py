"""What is said to a user, and what a user answers."""

from __future__ import annotations

from msgspec import Struct

from actors.charges import Charges
from actors.handle.messages import NewAccount
from actors.updates import Entry, SaidEntry
from api import types as t
from api.frames import encode as to_json
from runtime.messages import Internal
from runtime.refs import ActorRef


class CreateUser(Internal, frozen=True, tag="CreateUser"):
    """From the handle to the new user. `claim`: the one just made (see `Claimed`); 0 if the
    handle was theirs already."""

    account: NewAccount
    claim: int = 0


class GetCredentials(Internal, frozen=True, tag="GetCredentials"):
    """To a user (a read): answered with `Credentials`."""


class Credentials(Struct, frozen=True, array_like=True):
    user_id: int
    password_hash: str


class NewLogin(Internal, frozen=True, tag="NewLogin"):
    """To a user whose password was checked against `password_hash`: create a session. Answered
    with `Authorization`; refused as `wrong_credentials` if the password has changed since."""

    session_id: int
    token_hash: bytes
    device: str
    password_hash: str


class NewPassword(Internal, frozen=True, tag="NewPassword"):
    """To a user: the old password was checked against `old_hash`; set the new one and end the
    other sessions. Answered with `Ok`."""

    old_hash: str
    new_hash: str


class Rehashed(Internal, frozen=True, tag="Rehashed"):
    """To a user: the same password, whose hash is `old_hash`, has this one now. Answered with
    `Ok`."""

    old_hash: str
    new_hash: str


class SessionUsed(Internal, frozen=True, tag="SessionUsed"):
    """From a session to its user: it is used now. Ephemeral."""

    session_id: int


class Claimed(Internal, frozen=True, tag="Claimed"):
    """From the handle to the user: it is yours; give the old one back."""

    username: str
    claim: int = 0


class SessionOnline(Internal, frozen=True, tag="SessionOnline"):
    """From a session to its user: these are its live connections, by front and number. Answered, if
    there is somebody to answer, with `Hello`. Ephemeral."""

    session_id: int
    connections: tuple[tuple[str, int], ...]


class SessionOffline(Internal, frozen=True, tag="SessionOffline"):
    """From a session to its user: its last connection is gone."""

    session_id: int


class TellPresence(Internal, frozen=True, tag="TellPresence"):
    """From a user to itself: go on telling those it has private chats with, from this one on.
    Ephemeral."""

    first: str


class Received(Internal, frozen=True, tag="Received"):
    """From a session to its user: the device has everything up to `pts`."""

    pts: int


class ForgetSession(Internal, frozen=True, tag="ForgetSession"):
    """From a session to its user: unused for so long that it is over."""

    session_id: int


class GetProfile(Internal, frozen=True, tag="GetProfile"):
    """To a user (a read): answered with `User`."""


class MailSlice(Struct, frozen=True, array_like=True):
    """What a user's `GetDifference` read answers: pointers, for the gateway to resolve. `kind` and
    `pts` as in `api.types.Difference`."""

    kind: str
    pts: int
    entries: list[tuple[int, Entry]]
    user: t.User


class Invite(Internal, frozen=True, tag="Invite"):
    """From a group to a user who shall become a member: goes back as `Joined`, or is refused.
    `paid`: flood limits know of it."""

    chat_id: str
    by: int
    paid: bool = False


class NewMessage(Internal, frozen=True, tag="NewMessage"):
    """From a chat to a member: an event for the mailbox. `update` is the JSON of `MessageNew`, made
    once for all members (`random_id` is told to the sender only); the mailbox stores only the
    pointer."""

    chat_id: str
    message_id: int
    from_id: int
    date_ms: int
    update: bytes
    notify: bool = True
    left: bool = False
    random_id: int = 0


class Tell(Internal, frozen=True, tag="Tell"):
    """From a chat to somebody in it: an entry for the mailbox that changes nothing else of theirs.
    `update` is the JSON of what it is told as, made once for all of them; with a `random_id`, that
    belongs to the message in it, which is the receiver's."""

    entry: Entry
    update: bytes
    random_id: int = 0

    @classmethod
    def of(cls, update: t.ChatUpdate) -> Tell:
        """An update that says all by itself."""
        return cls(SaidEntry(update), to_json(update))


class TellDeleted(Internal, frozen=True, tag="TellDeleted"):
    """From a chat to somebody who could read these messages. `revision`: see `DeletedEntry`; so
    many of them were `unread`."""

    chat_id: str
    ids: tuple[int, ...]
    unread: int
    revision: int = 0


class SentBefore(Internal, frozen=True, tag="SentBefore"):
    """From a chat to the sender of a message that is there already: answered with its `Sent`, when
    its `NewMessage` has arrived, so that a difference that is asked for then holds it."""

    chat_id: str
    message_id: int
    date_ms: int


class MarksChanged(Internal, frozen=True, tag="MarksChanged"):
    """From a chat to a member: `kind` is one of read_inbox, read_outbox, delivered. Of a read_inbox
    either `unread` are left, or (`seen` is not negative) those that were, less `seen`: the user has
    counted them as they came. Answered, if there is somebody to answer, with `ReadMark`."""

    chat_id: str
    kind: str
    max_id: int
    user_id: int
    unread: int = 0
    seen: int = -1


class CountUnread(Internal, frozen=True, tag="CountUnread"):
    """From a chat to a member whose mark is at `max_id`, and stays there: answered with `ReadMark`,
    for the user has counted what is unread."""

    chat_id: str
    max_id: int


class ShowEvent(Internal, frozen=True, tag="ShowEvent"):
    """To a user: push these bytes to all online sessions. Ephemeral."""

    frame: bytes


class ExpectParts(Internal, frozen=True, tag="ExpectParts"):
    """To a user (a read): may so many parts of this upload come, from the `first` on? Answered with
    `PartsExpected`, refused as `upload_not_found`, `part_invalid`, `flood`."""

    upload_id: int
    first: int
    count: int


class PartsExpected(Struct, frozen=True, array_like=True):
    """The bytes of the whole file, which say how long each part is."""

    size: int


class ExpectFile(Internal, frozen=True, tag="ExpectFile"):
    """To a user (a read): is there room for this file, which comes by a single request? Answered
    with `Ok`, refused as `quota_exceeded`."""

    file_id: str
    size: int


class PartsStored(Internal, frozen=True, tag="PartsStored"):
    """To a user: the chunks of these parts of an upload (number and hash, of the right length) are
    in the media pool. Answered with `Ok`."""

    upload_id: int
    parts: tuple[tuple[int, bytes], ...]


class GetParts(Internal, frozen=True, tag="GetParts"):
    """To a user (a read): the parts of an upload that is complete. Answered with `Parts`, refused
    as `upload_incomplete`."""

    upload_id: int


class Parts(Struct, frozen=True, array_like=True):
    """The hashes of an upload's parts in order; of one that is finished, what became of it, and the
    id that its parts made (`named`)."""

    size: int
    hashes: list[bytes]
    media: t.Media | None = None
    named: str = ""


class KeepFile(Internal, frozen=True, tag="KeepFile"):
    """To a user: an upload (0: one that was made by a single request) has become this file, whose
    chunks are in the media pool, held by it. Goes on to the file as `FileKept`. `named`: the id
    that the upload's parts made, which a photo does not keep; `spare`: so many bytes were stored
    that are not in the file then. Refused as `hash_mismatch` if the upload has become another file
    meanwhile, as `quota_exceeded`."""

    upload_id: int
    media: t.Media
    named: str = ""
    spare: int = 0


class BytesDiscarded(Internal, frozen=True, tag="BytesDiscarded"):
    """To a user: so many bytes were stored for this user, and came to nothing. Answered with
    `Ok`."""

    size: int


class FileDeleted(Internal, frozen=True, tag="FileDeleted"):
    """From a file to a user who had uploaded it last at `deleted_ms`, as the user told: it takes no
    room any more, unless it was uploaded again since."""

    file_id: str
    deleted_ms: int


class ExpireUploads(Internal, frozen=True, tag="ExpireUploads"):
    """A user's timer: which uploads have been given up?"""


class Spend(Internal, frozen=True, tag="Spend"):
    """To a user, and on to the throttle of the caller's network: may the caller do this? Goes back
    to the `asker` as `Spent` or `UserSpent`, with the act as in a request; without one, answered
    with `Verdict`."""

    charges: Charges
    asker: ActorRef | None = None
    method: str = ""
    body: bytes = b""


class UserSpent(Internal, frozen=True, tag="UserSpent"):
    """To a user who asked, the same."""

    charges: Charges
    wait_s: float
    method: str
    body: bytes


class Unspent(Internal, frozen=True, tag="Unspent"):
    """To a user, and on to the throttle of `network` (if it is not empty): put it back."""

    charges: Charges
    network: str = ""
