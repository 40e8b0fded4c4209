"""Addresses: what an actor is called, and which partition it lives in."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec

from api import types as t

KINDS: Final = {
    "user": 1,
    "session": 2,
    "chat": 3,
    "handle": 4,
    "throttle": 5,
    "invitation": 6,
    "file": 7,
}
"""Kinds of actors with the byte that stands for each in keys. Never reuse a number."""

KIND_NAMES: Final = {number: name for name, number in KINDS.items()}

MAX_ID: Final = 2**53 - 1


class ActorRef(msgspec.Struct, frozen=True, array_like=True):
    """The address of an actor. Keys: user - user id; session - "<user id>.<session id>"; chat -
    chat id; handle - "username:<folded name>"; throttle - "<what>:<who>"; invitation - code;
    file - file id."""

    kind: str
    key: int | str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"


class Caller(msgspec.Struct, frozen=True, array_like=True):
    """Who a connection or an HTTP request is authenticated as. (0, 0) is nobody. `connection` is
    the live connection that the request came by, 0 for HTTP. `network`: what their address is
    counted by (`api.addresses`), `EXEMPT` if nothing is, empty if it does not matter."""

    user_id: int
    session_id: int
    connection: int = 0
    network: str = ""


EXEMPT: Final = "*"


NOBODY: Final = Caller(0, 0)


def user(user_id: int) -> ActorRef:
    return ActorRef("user", user_id)


def session(user_id: int, session_id: int) -> ActorRef:
    return ActorRef("session", f"{user_id}.{session_id}")


def chat(chat_id: str) -> ActorRef:
    return ActorRef("chat", chat_id)


def network(name: str) -> ActorRef:
    """The throttle that counts what comes from a network (`api.addresses.network_of`)."""
    return ActorRef("throttle", f"network:{name}")


def file(file_id: str) -> ActorRef:
    return ActorRef("file", file_id)


def username(name: str) -> ActorRef:
    """The handle of a user name; case does not tell names apart."""
    return ActorRef("handle", f"username:{name.lower()}")


def user_mark(user_id: int) -> str:
    """A user among chats: the id of none."""
    return f"u{user_id}"


def of_mark(mark: str) -> ActorRef:
    """The chat with this id, or the user with this mark."""
    return user(int(mark[1:])) if mark.startswith("u") else chat(mark)


def private_chat_id(a: int, b: int) -> str:
    """The one private chat of two users, whoever opens it; with oneself: the saved messages."""
    low, high = (a, b) if a <= b else (b, a)
    return f"p{low}-{high}"


def private_peers(chat_id: str) -> tuple[int, int] | None:
    """The two users of a private chat, or None where the id is not one in its normal form."""
    if not chat_id.startswith("p"):
        return None
    low, _, high = chat_id[1:].partition("-")
    a, b = int(low), int(high)
    return (a, b) if a <= b <= MAX_ID else None


def chat_kind(chat_id: str) -> t.ChatKind:
    """What sort of chat has this id."""
    peers = private_peers(chat_id)
    if peers is None:
        return "group"
    return "saved" if peers[0] == peers[1] else "private"


def group_id(creator: int, random_id: int) -> str:
    """The id of the group that a user creates with a `random_id`: a repeated call meets the same
    actor, so it creates nothing twice."""
    digest = blake2b(f"group:{creator}:{random_id}".encode(), digest_size=8).digest()
    return f"g{(int.from_bytes(digest, 'big') >> 14) + 1}"


def partition_of(ref: ActorRef, partitions: int) -> int:
    """The partition of an actor. A user and the user's sessions share one."""
    key = ref.key
    if ref.kind == "session":
        home = f"user:{str(key).partition('.')[0]}"
    else:
        home = f"{ref.kind}:{key}"
    digest = blake2b(home.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % partitions
