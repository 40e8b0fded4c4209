"""Every limit of the public interface, in one place, with the relations between them.

Units stand at the end of the names. `help.limits` answers with `as_dict()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

USERNAME_CHARS_MIN = 5
USERNAME_CHARS_MAX = 32
NAME_CHARS_MAX = 64
BIO_CHARS_MAX = 70
PASSWORD_CHARS_MIN = 8
PASSWORD_CHARS_MAX = 256
DEVICE_CHARS_MAX = 64

TITLE_CHARS_MAX = 255
DESCRIPTION_CHARS_MAX = 255
GROUP_MEMBERS_MAX = 200
GROUP_ADMINS_MAX = 50
GROUP_INVITES_PER_CREATE_MAX = 100

TEXT_CHARS_MAX = 4096
CAPTION_CHARS_MAX = 1024
ALBUM_MESSAGES_MAX = 10
HISTORY_PAGE_MAX = 100
DIALOGS_PAGE_MAX = 100
DIFFERENCE_PAGE_MAX = 100
USERS_PER_REQUEST_MAX = 100
MESSAGES_PER_REQUEST_MAX = 100
EDIT_S = 48 * 3600
"""For so long the sender of a message may change its text; in saved messages, for ever."""
CONTACTS_PAGE_MAX = 500
ANSWER_BYTES_MAX = 256 * 1024
"""A page of messages, updates or dialogs ends early where it would be longer than this."""

SESSIONS_PER_USER_MAX = 50
CONNECTIONS_PER_SESSION_MAX = 8
CONTACTS_MAX = 5_000
BLOCKED_MAX = 5_000
DIALOGS_MAX = 5_000
"""Of more, the latest are listed."""

# A device that is further behind than this is answered `too_long` and starts afresh.
MAILBOX_EVENTS_MAX = 10_000
# How many of the latest changes of a chat's messages are told one by one; who asks from before them
# is answered `too_long` and fetches the chat afresh.
CHAT_EVENTS_MAX = 10_000
# How many of the latest sends of a chat are remembered for resends by `random_id`.
RANDOM_IDS_PER_CHAT_MAX = 10_000

PART_BYTES = 512 * 1024
"""A file is uploaded in parts of this size; the last one may be shorter."""
PARTS_MAX = 4_000
PARTS_PER_REQUEST_MAX = 16
PARTS_IN_MEMORY_PER_REQUEST_MAX = 3
"""Of a request that brings or takes parts: one is under way while others are stored or fetched."""
UPLOADS_IN_MEMORY_BYTES_MAX = 128 * 1024 * 1024
"""In each front, of all requests that bring parts; then those of one account and of one address."""
UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX = 12 * 1024 * 1024
UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX = 32 * 1024 * 1024
DOWNLOADS_IN_MEMORY_BYTES_MAX = 128 * 1024 * 1024
DOWNLOADS_IN_MEMORY_BYTES_PER_USER_MAX = 16 * 1024 * 1024
DOWNLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX = 32 * 1024 * 1024
FILE_BYTES_MAX = PARTS_MAX * PART_BYTES
PHOTO_BYTES_MAX = 20 * 1024 * 1024
FILE_NAME_CHARS_MAX = 255
WAVEFORM_BYTES = 100
PREVIEW_BYTES_MAX = 300
UPLOADS_PER_USER_MAX = 32
UPLOAD_S_MAX = 24 * 3600
"""An upload that nothing is added to for so long is given up."""
UPLOAD_TOTAL_S_MAX = 5 * 24 * 3600
"""So long an upload may take in all."""
TICKET_S = 24 * 3600
LINK_S = 3600
FILE_GRACE_S = 7 * 24 * 3600
"""A file that nobody refers to is kept for so long."""
MEDIA_BYTES_PER_USER_MAX = 50 * 1024**3
MEDIA_BYTES_PER_CHAT_MAX = 200 * 1024**3
"""These two are what operators change: `set_quotas`."""


class Flood(NamedTuple):
    """How often an account may do something: `burst` times at once, if it has not for a while, and
    so many times an hour for good; 0: as often as it likes. All accounts at one address together
    may `ADDRESS_FACTOR` times as often. `words`: what it is, for who has to wait."""

    per_hour: int
    burst: int
    words: str

    def times(self, factor: int) -> Flood:
        return Flood(self.per_hour * factor, self.burst * factor, self.words)

    def fill_ms(self, count: int) -> int:
        """How long it takes until it may be done so many times."""
        return count * 3_600_000 // self.per_hour


FLOOD_ADDRESS_FACTOR = 10
FLOODS = {
    "registrations": Flood(5, 10, "registrations from this address"),
    "chats": Flood(30, 60, "new chats"),
    "strangers": Flood(60, 40, "messages to people who have not answered"),
    "groups": Flood(20, 20, "new groups"),
    "additions": Flood(100, 200, "people added to groups"),
    "names": Flood(600, 100, "look-ups of user names"),
    "uploads": Flood(2_000, 500, "uploads"),
}
"""What is limited by account and address (registrations: by address, `burst` and `per_hour` as they
stand here); the reasons are in docs/security.md. Operators change them: `set_floods`."""

JSON_INT_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

HTTP_BODY_BYTES_MAX = 64 * 1024
BODIES_IN_MEMORY_BYTES_MAX = 32 * 1024 * 1024
"""In each front, of all calls by HTTP whose bodies are coming."""
BODIES_IN_MEMORY_BYTES_PER_ADDRESS_MAX = 8 * 1024 * 1024
FRAME_BYTES_MAX = 64 * 1024
FRAMES_PER_SECOND_MAX = 1_000
FRAMES_BURST_MAX = 2_000
REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX = 64
READS_IN_FLIGHT_PER_CONNECTION_MAX = 6
SEND_BUFFER_BYTES_MAX = 4 * 1024 * 1024
CONNECTIONS_PER_EDGE_MAX = 50_000
CONNECTIONS_PER_ADDRESS_MAX = 500
"""On each port of a node; what operators change: `set_connections`."""

HEARTBEAT_S = 30
CONNECTION_SILENCE_S_MAX = 75
HELLO_DEADLINE_S = 10
REQUEST_DEADLINE_S = 15
POLL_TIMEOUT_S_MAX = 50
HTTP_HEAD_S_MAX = 10
HTTP_HEAD_BYTES_MAX = 16 * 1024
HTTP_PIPELINED_MAX = 8
FILE_CONNECTIONS_MAX = 4_096
"""At the port for files of a media actor."""
HTTP_BODY_S_MAX = 30
"""For a body of a call, for each part of an upload, and for each piece of a download."""
HTTP_PIECE_BYTES = 128 * 1024
"""In such pieces a download is handed over."""
HTTP_STALL_S_MAX = 60
"""Nothing of a body comes for so long, or nothing of an answer is taken."""
HTTP_IDLE_S_MAX = 60
"""Between two requests."""
HTTP_ANSWER_S_MAX = 60
TYPING_S = 6

PASSWORD_HASHES_QUEUED_MAX = 32

assert TEXT_CHARS_MAX * 6 + 4096 <= FRAME_BYTES_MAX, "the longest escaped text fits one frame"
assert (
    PARTS_IN_MEMORY_PER_REQUEST_MAX * PART_BYTES
    <= UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX
    <= UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX
    <= UPLOADS_IN_MEMORY_BYTES_MAX // 4
), "no account and no address takes the room of all"
assert (
    PARTS_IN_MEMORY_PER_REQUEST_MAX * PART_BYTES
    <= DOWNLOADS_IN_MEMORY_BYTES_PER_USER_MAX
    <= DOWNLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX
    <= DOWNLOADS_IN_MEMORY_BYTES_MAX // 4
)
assert HTTP_BODY_BYTES_MAX <= BODIES_IN_MEMORY_BYTES_PER_ADDRESS_MAX
assert BODIES_IN_MEMORY_BYTES_PER_ADDRESS_MAX <= BODIES_IN_MEMORY_BYTES_MAX // 4
assert CAPTION_CHARS_MAX <= TEXT_CHARS_MAX
assert FILE_GRACE_S > UPLOAD_TOTAL_S_MAX + TICKET_S, "what is about to be sent is not deleted"
assert FILE_BYTES_MAX <= MEDIA_BYTES_PER_USER_MAX, "the longest file fits into an account"
assert FRAME_BYTES_MAX <= HTTP_BODY_BYTES_MAX, "what a frame carries, a body carries"
assert TEXT_CHARS_MAX * 6 + 4096 <= ANSWER_BYTES_MAX, "a page has room for at least one message"
assert CONTACTS_PAGE_MAX * (NAME_CHARS_MAX * 6 + 64) <= ANSWER_BYTES_MAX
assert BLOCKED_MAX * 20 <= ANSWER_BYTES_MAX
assert 2 * READS_IN_FLIGHT_PER_CONNECTION_MAX * ANSWER_BYTES_MAX <= SEND_BUFFER_BYTES_MAX, (
    "who asks for much is not taken for somebody who reads slowly"
)
assert READS_IN_FLIGHT_PER_CONNECTION_MAX <= REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX
assert CONNECTION_SILENCE_S_MAX > 2 * HEARTBEAT_S, "one lost heartbeat ends no connection"
assert GROUP_ADMINS_MAX < GROUP_MEMBERS_MAX
assert GROUP_INVITES_PER_CREATE_MAX < GROUP_MEMBERS_MAX
assert FRAMES_PER_SECOND_MAX <= FRAMES_BURST_MAX
assert HTTP_ANSWER_S_MAX >= 4 * REQUEST_DEADLINE_S, "a login asks four actors, one after another"
assert POLL_TIMEOUT_S_MAX < CONNECTION_SILENCE_S_MAX
assert HTTP_BODY_S_MAX < HTTP_STALL_S_MAX, "who is slow is told so before he is cut off"
assert CONNECTIONS_PER_SESSION_MAX < CONNECTIONS_PER_ADDRESS_MAX < CONNECTIONS_PER_EDGE_MAX


def set_quotas(user_bytes: int, chat_bytes: int) -> None:
    """So many bytes of files there may be of each user and in each chat of this server. Every
    process is told before it serves anybody."""
    quotas = {"MEDIA_BYTES_PER_USER_MAX": user_bytes, "MEDIA_BYTES_PER_CHAT_MAX": chat_bytes}
    assert min(quotas.values()) > 0
    globals().update(quotas)


def set_connections(per_address: int) -> None:
    """So many connections an address may have."""
    globals()["CONNECTIONS_PER_ADDRESS_MAX"] = per_address


def set_floods(rates: Mapping[str, tuple[int, int]]) -> None:
    """The flood limits of this server: `per_hour` and `burst` by kind, those left out as they come.
    Every process is told before it serves anybody."""
    for kind, known in _FLOODS_DEFAULT.items():
        FLOODS[kind] = Flood(*rates.get(kind, known[:2]), known.words)


_FLOODS_DEFAULT = dict(FLOODS)
assert FLOODS["additions"].burst >= GROUP_INVITES_PER_CREATE_MAX, "a group begins with so many"


def as_dict() -> dict[str, int]:
    """All limits by their lower-case names, as `help.limits` shows them; of what is limited by
    account and address, `flood_<kind>_per_hour` (0: not limited) and `flood_<kind>_burst`."""
    found = {name: value for name, value in globals().items() if name.isupper()}
    for kind, flood in FLOODS.items():
        found[f"FLOOD_{kind}_PER_HOUR"] = flood.per_hour
        found[f"FLOOD_{kind}_BURST"] = flood.burst
    return {name.lower(): value for name, value in sorted(found.items()) if isinstance(value, int)}
