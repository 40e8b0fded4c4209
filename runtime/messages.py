"""What actors say to each other: the base of it, what the runtime itself understands, and how what
was written is read again.

A message is an immutable, tagged, array-encoded struct: compact in the outbox, and newer versions
may append fields with defaults. Its tag is said where it is declared, and stays for ever, whatever
the class is called.
"""

from __future__ import annotations

from typing import Any, Union

import msgspec
from msgspec import Struct


class Internal(Struct, frozen=True, array_like=True):
    """Base of all messages between actors (clients' commands are in `api.methods`)."""


class Known:
    """The messages that can be read again: those that some kind of actor takes."""

    def __init__(self) -> None:
        self.by_tag: dict[str, type[Internal]] = {}
        self._decoder: msgspec.msgpack.Decoder[Any] | None = None

    def add(self, message: type[Internal]) -> None:
        tag = message.__struct_config__.tag
        assert isinstance(tag, str), f"{message.__name__} has no tag"
        assert self.by_tag.setdefault(tag, message) is message, f"{tag} is the tag of two messages"
        self._decoder = None

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """Raises `msgspec.ValidationError`, also where this version does not have the message."""
        if self._decoder is None:
            every: Any = Union[tuple(self.by_tag.values())]  # noqa: UP007 - made at run time
            self._decoder = msgspec.msgpack.Decoder(every)
        return self._decoder.decode(raw)


KNOWN = Known()


class Dedicate(Internal, frozen=True, tag="Dedicate"):
    """To an actor, by an administrator; its host carries it out: move to a partition of your own.
    Answered with `Dedicated` when the actor serves there."""


class WhereIs(Internal, frozen=True, tag="WhereIs"):
    """To an actor, by an administrator; its host answers with `Dedicated`, also where the actor is
    in the pool. Refused where there is no such actor, or it could not move."""


class Dedicated(Struct, frozen=True, array_like=True):
    """`host`: the name of the host that has the actor."""

    partition: int
    host: str


class Copied(Internal, frozen=True, tag="Copied"):
    """From the old partition to the new one: rows as they are now, by the part of their keys
    after the actor's prefix; None: there is none any more."""

    rows: tuple[tuple[bytes, bytes | None], ...]


class Arrived(Internal, frozen=True, tag="Arrived"):
    """From the old partition to the new one: it has everything now, and the actor lives there.
    `timers`: name, time and message of each."""

    timers: tuple[tuple[str, int, bytes], ...]


for _message in (Dedicate, WhereIs, Copied, Arrived):
    KNOWN.add(_message)
