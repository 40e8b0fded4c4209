"""What is said to a file, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from runtime.messages import Internal


class FileKept(Internal, frozen=True, tag="FileKept"):
    """From a user to a file: it has been uploaded, at `uploaded_ms` of the user. Answered with
    `Ok`."""

    user_id: int
    size: int
    kind: str
    uploaded_ms: int = 0


class FileReferred(Internal, frozen=True, tag="FileReferred"):
    """To a file from a chat (`by`: its id), one more message of which has it, or whose picture it
    has become; or from a user (`by`: see `addresses.user_mark`), whose picture it has become."""

    by: str


class FileReleased(Internal, frozen=True, tag="FileReleased"):
    """From a chat or a user to a file that it referred to: once less."""

    by: str


class MayDelete(Internal, frozen=True, tag="MayDelete"):
    """To a file, from the media pool: may its chunks be deleted? Answered with `Condemned`;
    if so, the file is forgotten, and whoever sends it has to upload it again."""


class Condemned(Struct, frozen=True, array_like=True):
    condemned: bool
