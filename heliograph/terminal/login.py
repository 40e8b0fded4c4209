"""Where the login is kept, and that only one client at a time uses it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from api import limits
from api.urls import SCHEMES, server_url
from heliograph.failing import Told


class LoginError(Told):
    """The login cannot be used like this; the message says what to do."""


def check_url(url: str) -> str:
    """The address without a slash at its end. Raises `LoginError`."""
    try:
        return server_url(url)
    except ValueError as error:
        raise LoginError(
            f"{url[:80]} is no address of a server: {error}; it looks like http://127.0.0.1:8000"
        ) from error


def default_path(url: str, environment: dict[str, str] | None = None) -> Path:
    """The state file for a server: one per host and port."""
    environment = dict(os.environ) if environment is None else environment
    given = environment.get("XDG_STATE_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    parts = urlsplit(url)
    host = (parts.hostname or "").replace(":", "_")
    return folder / "heliograph" / f"{host}-{parts.port or SCHEMES[parts.scheme]}.json"


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold the state file for this process. Two clients with one login would each take the other's
    place in the updates. Raises `LoginError`."""
    lock = state.with_name(f"{state.name}.lock")
    try:
        state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LoginError(f"cannot use {lock}: {error.strerror}; choose another --state") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LoginError(
                f"another client uses {state}; for a second one name another file: --state OTHER"
            ) from error
        yield
    finally:
        os.close(descriptor)


# --- what is typed to log in ------------------------------------------------------------------


def username_of(typed: str) -> str:
    """A user name as it was typed, without what people put around it. Raises `LoginError`."""
    username = typed.strip().removeprefix("@")
    if not username:
        raise LoginError("type your user name")
    return username


def check_new(username: str, password: str, again: str | None = None) -> None:
    """What is wrong with a new account, before the server is asked. Raises `LoginError`."""
    low, high = limits.USERNAME_CHARS_MIN, limits.USERNAME_CHARS_MAX
    plain = username.replace("_", "a")
    if (
        not low <= len(username) <= high
        or not (plain.isascii() and plain.isalnum())
        or not username[0].isalpha()
    ):
        raise LoginError(
            f"a user name has {low} to {high} letters, digits and underscores, a letter first"
        )
    if len(password) < limits.PASSWORD_CHARS_MIN:
        raise LoginError(f"a password has {limits.PASSWORD_CHARS_MIN} characters or more")
    if len(password) > limits.PASSWORD_CHARS_MAX:
        raise LoginError(f"a password has at most {limits.PASSWORD_CHARS_MAX} characters")
    if again is not None and again != password:
        raise LoginError("the two passwords are not the same")
