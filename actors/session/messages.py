"""What is said to a session, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from api import types as t
from runtime.messages import Internal


class CreateSession(Internal, frozen=True, tag="CreateSession"):
    """From the user to the new session."""

    token_hash: bytes
    device: str
    user: t.User


class CheckToken(Internal, frozen=True, tag="CheckToken"):
    """To a session (a read): answered with `Checked` if this is its token, refused as
    `unauthorized` if not."""

    token_hash: bytes


class Checked(Struct, frozen=True, omit_defaults=True):
    """`stale`: the session does not know yet that it is used now; tell it by `TokenUsed`."""

    stale: bool = False


class TokenUsed(Internal, frozen=True, tag="TokenUsed"):
    """To a session from a front: its token has been used by HTTP. Goes on to the user as
    `SessionUsed`. Ephemeral."""


class EndThisSession(Internal, frozen=True, tag="EndThisSession"):
    """From the user to a session: you are over."""


class Attach(Internal, frozen=True, tag="Attach"):
    """To a session: this connection has said hello with this token. Answered with `Hello`."""

    front: str
    connection: int
    token_hash: bytes


class KeepAlive(Internal, frozen=True, tag="KeepAlive"):
    """To a session, every so often: this connection is still there (the host may have forgotten it
    by restarting). Answered, if there is somebody to answer, with `Hello` when updates flow to
    it. Ephemeral."""

    front: str
    connection: int


class Detach(Internal, frozen=True, tag="Detach"):
    """To a session: this connection is gone. Ephemeral."""

    front: str
    connection: int


class ExpireSession(Internal, frozen=True, tag="ExpireSession"):
    """A session's timer: has it been used lately?"""
