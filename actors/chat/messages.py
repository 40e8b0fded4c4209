"""What is said to a chat (beside clients' commands, which are in `api.methods`), and what it
answers."""

from __future__ import annotations

from msgspec import Struct

from actors.charges import Charges
from api import types as t
from runtime.messages import Internal


class OpenChat(Internal, frozen=True, tag="OpenChat"):
    """From a user to the private chat with `opener_id`, who wants it: the user exists. Answered
    with `Chat`."""

    opener_id: int
    peer_id: int


class GetOverview(Internal, frozen=True, tag="GetOverview"):
    """To a chat (a read): what the list of dialogs shows of it, with this message, 0 for none.
    Answered with `Overview`, refused as `chat_not_found`."""

    message_id: int


class Overview(Struct, frozen=True, array_like=True):
    """`title` and `photo` are a group's; to whoever left it, the title that it had then."""

    title: str = ""
    photo: t.Media | None = None
    message: t.Message | None = None


class Joined(Internal, frozen=True, tag="Joined"):
    """From an invited user to the group: yes."""

    user_id: int
    by: int
    paid: bool = False


class TakeForwarded(Internal, frozen=True, tag="TakeForwarded"):
    """To a chat from a front: the caller sends what `origin` wrote, which the front has read as the
    caller may read it. Answered with `Sent`, refused as `messages.send` is."""

    random_id: int
    text: str
    media: t.Media | None
    album: int
    origin: t.Forward


class GetSends(Internal, frozen=True, tag="GetSends"):
    """To a chat (a read): what became of these sends of the caller. Answered with `Sends`, refused
    as `chat_not_found`."""

    random_ids: tuple[int, ...]


class Sends(Struct, frozen=True, array_like=True):
    """Id and date of the message that each has become; None where it has become none."""

    found: list[tuple[int, int] | None]


class ReadOn(Internal, frozen=True, tag="ReadOn"):
    """From a chat to itself: the mark of a reader moves on to `max_id`, step by step. Answered with
    `ReadMark`."""

    user_id: int
    max_id: int


class MarkDelivered(Internal, frozen=True, tag="MarkDelivered"):
    """From a member to a chat: one of the member's devices has everything up to `max_id`."""

    user_id: int
    max_id: int


class SetBlock(Internal, frozen=True, tag="SetBlock"):
    """From a user to the private chat with somebody whom they block or no longer block."""

    blocker_id: int
    blocked: bool


class Spent(Internal, frozen=True, tag="Spent"):
    """To a chat that asked: its caller has paid for the act, or has to wait."""

    charges: Charges
    wait_s: float
    method: str
    body: bytes
