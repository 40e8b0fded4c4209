"""What actors say to each other (clients' commands are in `api.methods`).

Each message is an immutable, tagged, array-encoded struct: compact in the outbox, and newer
versions may append fields with defaults. Messages marked ephemeral are never stored.
"""

from __future__ import annotations

from msgspec import Struct

from api import types as t
from runtime.refs import ActorRef

Charges = tuple[tuple[str, int], ...]
"""What acts take out of flood limits: how many of which kind."""


class Internal(Struct, frozen=True, array_like=True, tag=True):
    """Base of all messages between actors."""


# --- registration and login: front -> handle -> user -> session --------------------------------


class NewAccount(Internal, frozen=True):
    """To a handle: claim it for a new user, create the user and its first session. Answered with
    `Authorization` (without the token, which only the front knows). Repeating it with the same
    ids is answered alike; a handle that another user holds answers `username_taken`. `repeated`:
    the invitation counted it before."""

    user_id: int
    session_id: int
    username: str
    name: str
    password_hash: str
    token_hash: bytes
    device: str
    invitation: str = ""
    repeated: bool = False


class CreateUser(Internal, frozen=True):
    """From the handle to the new user. `claim`: the one just made (see `actors.handle`); 0 if the
    handle was theirs already."""

    account: NewAccount
    claim: int = 0


class RefuseAccount(Internal, frozen=True):
    """To the handle of a registration that is refused: give back what it has taken, the `claim` and
    the use of the invitation, and then (`given_back`) answer so. These are two turns, because one
    that refuses changes nothing."""

    account: NewAccount
    code: str
    detail: str = ""
    retry_after: float = 0.0
    claim: int = 0
    given_back: bool = False


class LookUp(Internal, frozen=True):
    """To a handle (a read): who holds it? Answered with `Holder`, user_id 0 for nobody."""


class Holder(Struct, frozen=True, array_like=True):
    user_id: int


class GetCredentials(Internal, frozen=True):
    """To a user (a read): answered with `Credentials`."""


class Credentials(Struct, frozen=True, array_like=True):
    user_id: int
    password_hash: str


class NewLogin(Internal, frozen=True):
    """To a user whose password was checked against `password_hash`: create a session. Answered
    with `Authorization`; refused as `wrong_credentials` if the password has changed since."""

    session_id: int
    token_hash: bytes
    device: str
    password_hash: str


class CreateSession(Internal, frozen=True):
    """From the user to the new session."""

    token_hash: bytes
    device: str
    user: t.User


class NewPassword(Internal, frozen=True):
    """To a user: the old password was checked against `old_hash`; set the new one and end the
    other sessions. Answered with `Ok`."""

    old_hash: str
    new_hash: str


class Rehashed(Internal, frozen=True):
    """To a user: the same password, whose hash is `old_hash`, has this one now. Answered with
    `Ok`."""

    old_hash: str
    new_hash: str


class CheckToken(Internal, frozen=True):
    """To a session (a read): answered with `Checked` if this is its token, refused as
    `unauthorized` if not."""

    token_hash: bytes


class Checked(Struct, frozen=True, omit_defaults=True):
    """`stale`: the session does not know yet that it is used now; tell it by `TokenUsed`."""

    stale: bool = False


class TokenUsed(Internal, frozen=True):
    """To a session from a front: its token has been used by HTTP. Goes on to the user as
    `SessionUsed`. Ephemeral."""


class SessionUsed(Internal, frozen=True):
    """From a session to its user: it is used now. Ephemeral."""

    session_id: int


class EndThisSession(Internal, frozen=True):
    """From the user to a session: you are over."""


class ClaimUsername(Internal, frozen=True):
    """To a handle: from a user who wants to be called so. Goes on to the user as `Claimed`."""

    username: str


class Claimed(Internal, frozen=True):
    """From the handle to the user: it is yours; give the old one back."""

    username: str
    claim: int = 0


class ReleaseHandle(Internal, frozen=True):
    """To a handle: its holder gives it back, unless they have claimed it anew meanwhile."""

    user_id: int
    claim: int = 0


# --- connections: front -> session -> user -----------------------------------------------------


class Attach(Internal, frozen=True):
    """To a session: this connection has said hello with this token. Answered with `Hello`."""

    front: str
    connection: int
    token_hash: bytes


class KeepAlive(Internal, frozen=True):
    """To a session, every so often: this connection is still there (the host may have forgotten it
    by restarting). Answered, if there is somebody to answer, with `Hello` when updates flow to
    it. Ephemeral."""

    front: str
    connection: int


class Detach(Internal, frozen=True):
    """To a session: this connection is gone. Ephemeral."""

    front: str
    connection: int


class SessionOnline(Internal, frozen=True):
    """From a session to its user: these are its live connections, by front and number. Answered, if
    there is somebody to answer, with `Hello`. Ephemeral."""

    session_id: int
    connections: tuple[tuple[str, int], ...]


class SessionOffline(Internal, frozen=True):
    """From a session to its user: its last connection is gone."""

    session_id: int


class TellPresence(Internal, frozen=True):
    """From a user to itself: go on telling those it has private chats with, from this one on.
    Ephemeral."""

    first: str


class Received(Internal, frozen=True):
    """From a session to its user: the device has everything up to `pts`."""

    pts: int


class ExpireSession(Internal, frozen=True):
    """A session's timer: has it been used lately?"""


class ForgetSession(Internal, frozen=True):
    """From a session to its user: unused for so long that it is over."""

    session_id: int


# --- reads of a user that the gateway completes ------------------------------------------------


class GetProfile(Internal, frozen=True):
    """To a user (a read): answered with `User`."""


class MailEntry(Struct, frozen=True, array_like=True):
    """A row of the mailbox: what happened, where, and two numbers that depend on `kind`:
    message - message id, 1 if it is the user's own; read_inbox - max id, unread; read_outbox and
    delivered - max id, user id; contact - user id, 1 contact + 2 blocked; profile - 0, 0."""

    kind: str
    chat_id: str
    first: int
    second: int
    text: str = ""


class MailSlice(Struct, frozen=True, array_like=True):
    """What a user's `GetDifference` read answers: pointers, for the gateway to resolve. `kind` and
    `pts` as in `api.types.Difference`."""

    kind: str
    pts: int
    entries: list[tuple[int, MailEntry]]
    user: t.User


# --- chats and their members -------------------------------------------------------------------


class OpenChat(Internal, frozen=True):
    """From a user to the private chat with `opener_id`, who wants it: the user exists. Answered
    with `Chat`."""

    opener_id: int
    peer_id: int


class GetOverview(Internal, frozen=True):
    """To a chat (a read): what the list of dialogs shows of it, with this message, 0 for none.
    Answered with `Overview`, refused as `chat_not_found`."""

    message_id: int


class Overview(Struct, frozen=True, array_like=True):
    """`title` and `photo` are a group's; to whoever left it, the title that it had then."""

    title: str = ""
    photo: t.Media | None = None
    message: t.Message | None = None


class Invite(Internal, frozen=True):
    """From a group to a user who shall become a member: goes back as `Joined`, or is refused.
    `paid`: flood limits know of it."""

    chat_id: str
    by: int
    paid: bool = False


class Joined(Internal, frozen=True):
    """From an invited user to the group: yes."""

    user_id: int
    by: int
    paid: bool = False


class NewMessage(Internal, frozen=True):
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


class SentBefore(Internal, frozen=True):
    """From a chat to the sender of a message that is there already: answered with its `Sent`, when
    its `NewMessage` has arrived, so that a difference that is asked for then holds it."""

    chat_id: str
    message_id: int
    date_ms: int


class MarksChanged(Internal, frozen=True):
    """From a chat to a member: `kind` is one of read_inbox, read_outbox, delivered. Of a read_inbox
    either `unread` are left, or (`seen` is not negative) those that were, less `seen`: the user has
    counted them as they came. Answered, if there is somebody to answer, with `ReadMark`."""

    chat_id: str
    kind: str
    max_id: int
    user_id: int
    unread: int = 0
    seen: int = -1


class ReadOn(Internal, frozen=True):
    """From a chat to itself: the mark of a reader moves on to `max_id`, step by step. Answered with
    `ReadMark`."""

    user_id: int
    max_id: int


class CountUnread(Internal, frozen=True):
    """From a chat to a member whose mark is at `max_id`, and stays there: answered with `ReadMark`,
    for the user has counted what is unread."""

    chat_id: str
    max_id: int


class MarkDelivered(Internal, frozen=True):
    """From a member to a chat: one of the member's devices has everything up to `max_id`."""

    user_id: int
    max_id: int


class SetBlock(Internal, frozen=True):
    """From a user to the private chat with somebody whom they block or no longer block."""

    blocker_id: int
    blocked: bool


class ShowEvent(Internal, frozen=True):
    """To a user: push these bytes to all online sessions. Ephemeral."""

    frame: bytes


# --- files: front -> user -> file, chat -> file, media pool -> file -> user --------------------


class ExpectParts(Internal, frozen=True):
    """To a user (a read): may so many parts of this upload come, from the `first` on? Answered with
    `PartsExpected`, refused as `upload_not_found`, `part_invalid`, `flood`."""

    upload_id: int
    first: int
    count: int


class PartsExpected(Struct, frozen=True, array_like=True):
    """The bytes of the whole file, which say how long each part is."""

    size: int


class ExpectFile(Internal, frozen=True):
    """To a user (a read): is there room for this file, which comes by a single request? Answered
    with `Ok`, refused as `quota_exceeded`."""

    file_id: str
    size: int


class PartsStored(Internal, frozen=True):
    """To a user: the chunks of these parts of an upload (number and hash, of the right length) are
    in the media pool. Answered with `Ok`."""

    upload_id: int
    parts: tuple[tuple[int, bytes], ...]


class GetParts(Internal, frozen=True):
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


class KeepFile(Internal, frozen=True):
    """To a user: an upload (0: one that was made by a single request) has become this file, whose
    chunks are in the media pool, held by it. Goes on to the file as `FileKept`. `named`: the id
    that the upload's parts made, which a photo does not keep; `spare`: so many bytes were stored
    that are not in the file then. Refused as `hash_mismatch` if the upload has become another file
    meanwhile, as `quota_exceeded`."""

    upload_id: int
    media: t.Media
    named: str = ""
    spare: int = 0


class BytesDiscarded(Internal, frozen=True):
    """To a user: so many bytes were stored for this user, and came to nothing. Answered with
    `Ok`."""

    size: int


class FileKept(Internal, frozen=True):
    """From a user to a file: it has been uploaded, at `uploaded_ms` of the user. Answered with
    `Ok`."""

    user_id: int
    size: int
    kind: str
    uploaded_ms: int = 0


class FileReferred(Internal, frozen=True):
    """To a file from a chat (`by`: its id), one more message of which has it, or whose picture it
    has become; or from a user (`by`: see `refs.user_mark`), whose picture it has become."""

    by: str


class FileReleased(Internal, frozen=True):
    """From a chat or a user to a file that it referred to: once less."""

    by: str


class MayDelete(Internal, frozen=True):
    """To a file, from the media pool: may its chunks be deleted? Answered with `Condemned`;
    if so, the file is forgotten, and whoever sends it has to upload it again."""


class Condemned(Struct, frozen=True, array_like=True):
    condemned: bool


class FileDeleted(Internal, frozen=True):
    """From a file to a user who had uploaded it last at `deleted_ms`, as the user told: it takes no
    room any more, unless it was uploaded again since."""

    file_id: str
    deleted_ms: int


class ExpireUploads(Internal, frozen=True):
    """A user's timer: which uploads have been given up?"""


# --- guarding passwords ------------------------------------------------------------------------


class Admit(Internal, frozen=True):
    """To a throttle, before a password is checked: may `address` try now? Answered with
    `Verdict`."""

    address: str


class Verdict(Struct, frozen=True, array_like=True):
    """`wait_s` 0: go on. Else: refuse with `flood` and this `retry_after`. `known`: the account's
    owner has logged in from this address before. `place`: under which name a throttle counts the
    try as one that failed, until it hears otherwise."""

    wait_s: float
    known: bool = False
    place: str = ""


class TryUnchecked(Internal, frozen=True):
    """To a throttle: the try that it counted at `place` was refused before the password was
    checked."""

    place: str


class TrySucceeded(Internal, frozen=True):
    """To a throttle: the password was right at the try that it counted at `place`; forget the
    failures of this address."""

    address: str
    place: str


class FadeThrottle(Internal, frozen=True):
    """A throttle's timer: what of all this need not be known any more?"""


# --- flood limits (`actors.flood`) --------------------------------------------------------------


class Spend(Internal, frozen=True):
    """To a user, and on to the throttle of the caller's network: may the caller do this? Goes back
    to the `asker` as `Spent` or `UserSpent`, with the act as in a request; without one, answered
    with `Verdict`."""

    charges: Charges
    asker: ActorRef | None = None
    method: str = ""
    body: bytes = b""


class NetworkSpend(Internal, frozen=True):
    """To a throttle, the same. `wait_s`: how long the user has to wait; then nothing is taken."""

    charges: Charges
    asker: ActorRef | None = None
    method: str = ""
    body: bytes = b""
    wait_s: float = 0.0


class Spent(Internal, frozen=True):
    """To a chat that asked: its caller has paid for the act, or has to wait."""

    charges: Charges
    wait_s: float
    method: str
    body: bytes


class UserSpent(Internal, frozen=True):
    """To a user who asked, the same."""

    charges: Charges
    wait_s: float
    method: str
    body: bytes


class Unspent(Internal, frozen=True):
    """To a user, and on to the throttle of `network` (if it is not empty): put it back."""

    charges: Charges
    network: str = ""


class NetworkUnspent(Internal, frozen=True):
    """To a throttle: put it back. Answered with `Ok`."""

    charges: Charges


# --- invitations to the server -----------------------------------------------------------------


class MakeInvitation(Internal, frozen=True):
    """To an invitation (by an administrator): exist, for `uses` registrations."""

    uses: int


class UseInvitation(Internal, frozen=True):
    """To an invitation: count one registration, then pass `account` on to its handle."""

    account: NewAccount


class ReturnUse(Internal, frozen=True):
    """To an invitation: the registration of this user, which it has counted, was refused."""

    user_id: int


# --- moving an actor to a partition of its own (`runtime.moves`) ------------------------


class Dedicate(Internal, frozen=True):
    """To an actor, by an administrator; its host carries it out: move to a partition of your own.
    Answered with `Dedicated` when the actor serves there."""


class WhereIs(Internal, frozen=True):
    """To an actor, by an administrator; its host answers with `Dedicated`, also where the actor is
    in the pool. Refused where there is no such actor, or it could not move."""


class Dedicated(Struct, frozen=True, array_like=True):
    """`host`: the name of the host that has the actor."""

    partition: int
    host: str


class Copied(Internal, frozen=True):
    """From the old partition to the new one: rows as they are now, by the part of their keys
    after the actor's prefix; None: there is none any more."""

    rows: tuple[tuple[bytes, bytes | None], ...]


class Arrived(Internal, frozen=True):
    """From the old partition to the new one: it has everything now, and the actor lives there.
    `timers`: name, time and message of each."""

    timers: tuple[tuple[str, int, bytes], ...]
