"""What a client remembers when it is started again: where it is logged in, and how far its updates
have been handled."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from heliograph._errors import StateError
from heliograph._reading import read_file

STATE_BYTES_MAX = 64 * 1024
VERSION = 1


class Saved(Struct, frozen=True, kw_only=True):
    """The state of a client. `pts` is the last update that the application has handled; None
    before the first connection."""

    server: str
    token: str = ""
    user_id: int = 0
    session_id: int = 0
    pts: int | None = None
    version: int = VERSION


class _Version(Struct):
    version: int


class State(Protocol):
    """Where a client keeps its state. Both are called on the event loop and must be quick."""

    def load(self) -> Saved | None:
        """What was saved last; None if nothing was. Raises `StateError`."""

    def save(self, saved: Saved) -> None:
        """Keep this. Raises `StateError`."""


class MemoryState:
    """Forgets everything with the process."""

    def __init__(self, saved: Saved | None = None) -> None:
        self._saved = saved

    def load(self) -> Saved | None:
        return self._saved

    def save(self, saved: Saved) -> None:
        self._saved = saved


class FileState:
    """Keeps the state in a JSON file that only its owner may read: it holds the token. The file is
    replaced as a whole, so a crash leaves the old or the new state and nothing between.

    A client that is started again with the same file goes on where it was. The state is saved
    about once a second, so after a crash the application may be handed some updates a second
    time, but none is left out.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def load(self) -> Saved | None:
        try:
            content = read_file(self.path, STATE_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            written_by = msgspec.json.decode(content, type=_Version).version
            if written_by > VERSION:
                raise StateError(f"{self.path} was written by a newer client; use that one")
            return msgspec.json.decode(content, type=Saved)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StateError(
                f"{self.path} is damaged ({error}); delete it and log in again"
            ) from error

    def save(self, saved: Saved) -> None:
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(msgspec.json.encode(saved))
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise StateError(f"cannot write {self.path}: {error.strerror}") from error
