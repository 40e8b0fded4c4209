"""Addresses: which kinds of actors there are, what an actor is called, and where it lives."""

from __future__ import annotations

from hashlib import blake2b

from api import types as t
from runtime.refs import MAX_ID, ActorRef, declare


def _with_its_user(key: int | str) -> str:
    """A session shares a partition with its user."""
    return f"user:{str(key).partition('.')[0]}"


# What stands for each kind in the keys of rows. What is in an `ActorRef`: user - user id; session -
# "<user id>.<session id>"; chat - chat id; handle - "username:<folded name>"; throttle -
# "<what>:<who>"; invitation - code; file - file id.
USER = declare("user", 1)
SESSION = declare("session", 2, _with_its_user)
CHAT = declare("chat", 3)
HANDLE = declare("handle", 4)
THROTTLE = declare("throttle", 5)
INVITATION = declare("invitation", 6)
FILE = declare("file", 7)


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
