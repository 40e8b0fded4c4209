"""Log in, send, and save files without a terminal, for scripts. What is printed is the result
alone."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import heliograph as h
from api import limits
from heliograph.terminal.login import LoginError, alone, check_new, username_of
from heliograph.terminal.meter import Meter
from heliograph.terminal.text import one_line
from heliograph.terminal.transfers import asked_to_wait, find_file

DEVICE = f"heliograph chat on {platform.node()}"[: limits.DEVICE_CHARS_MAX]


class NotLoggedIn(LoginError):
    """There is no saved login."""


async def log_in(
    url: str, state: Path, username: str, password: str, *, register: bool, invitation: str = ""
) -> str:
    """Log in and save it; returns who. Raises `LoginError`, `ApiError`, `HeliographError`."""
    username = username_of(username)
    if register:
        check_new(username, password)
    with alone(state):
        client = h.Client(
            url, state=h.FileState(state), device=DEVICE, live=False, on_wait=_tell_wait
        )
        async with client:
            if client.logged_in and (known := await _known(client)):
                raise LoginError(
                    f"{state} holds the login of @{known}; log out there first (/logout), or name "
                    "another file: --state OTHER"
                )
            if register:
                user = await client.register(username, password, invitation=invitation)
            else:
                user = await client.login(username, password)
            return user.username


async def _known(client: h.Client) -> str:
    """Whose login it is; empty if the server does not take it any more."""
    try:
        return (await client.me()).username
    except h.ApiError as error:
        if error.code == "unauthorized":
            return ""
        raise


async def send(
    url: str, state: Path, to: str, text: str, files: Sequence[Path] = ()
) -> list[h.Sent]:
    """Send a text, or files with it, from the saved login. Raises `LoginError`, `ApiError`,
    `HeliographError`, OSError."""
    if files and len(text) > limits.CAPTION_CHARS_MAX:
        most = f"{limits.CAPTION_CHARS_MAX:,}"
        raise LoginError(f"the text is too long; with a file it has at most {most} characters")
    async with _saved(url, state) as client:
        chat_id = await _target(client, to)
        if not files:
            return [await client.send(chat_id, text)]
        tickets = []
        for path in files:
            with _told(f"sending {path.name}") as progress:
                tickets.append((await client.upload(path, progress=progress)).ticket)
        album = h.new_random_id() if len(tickets) > 1 else 0
        return [
            await client.send(chat_id, "" if number else text, ticket=ticket, album=album)
            for number, ticket in enumerate(tickets)
        ]


async def save(url: str, state: Path, chat: str, last: int, message_id: int, to: Path) -> Path:
    """Save a file from a chat; see `find_file`. Raises `LoginError`, `ApiError`, `HeliographError`,
    OSError."""
    async with _saved(url, state) as client:
        message = await find_file(client, await _target(client, chat), last, message_id)
        if message is None or message.media is None:
            raise h.ApiError("media_not_found", "there is no such file in this chat")
        with _told(f"saving {one_line(message.media.name)}") as progress:
            return await client.download(message, to, progress=progress)


def _saved(url: str, state: Path) -> h.Client:
    """A client with the saved login. The state file is only read, so this works beside a running
    client. Raises `LoginError`."""
    saved = h.FileState(state).load()
    if saved is None or not saved.token:
        raise NotLoggedIn(
            f"nobody is logged in; do it once with: heliograph chat --url {url} --login USER"
        )
    if saved.server != url:
        raise LoginError(f"{state} is a login at {saved.server}; name another file with --state")
    return h.Client(url, token=saved.token, live=False, on_wait=_tell_wait)


def _tell_wait(error: h.ApiError, wait_s: float) -> None:
    print(asked_to_wait(error, wait_s), file=sys.stderr, flush=True)


@contextmanager
def _told(what: str) -> Iterator[h.Progress | None]:
    """Show at a terminal how far a file is."""
    if not sys.stderr.isatty():
        yield None
        return
    meter = Meter(0)

    def show(done: int, size: int) -> None:
        meter.size = size
        now_ms = time.monotonic_ns() // 1_000_000
        meter.tell(done, now_ms)
        print(f"\r\x1b[K{what}  {meter.words(now_ms)}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(file=sys.stderr)


async def _target(client: h.Client, to: str) -> str:
    """The chat that is meant: a user's by `@name`, the saved messages by `saved`, else a group by
    its title."""
    if to.startswith("@"):
        return (await client.open_private(to)).id
    if to == "saved":
        return (await client.open_private((await client.me()).id)).id
    wanted = one_line(to).casefold()
    found: list[str] = []
    async for dialog in client.dialogs():
        if dialog.chat_id.startswith("g") and not dialog.left:
            chat = await client.chat(dialog.chat_id)
            if one_line(chat.title).casefold() == wanted:
                found.append(chat.id)
    if len(found) != 1:
        many = f"{len(found)} groups of yours have" if found else "no group of yours has"
        raise LoginError(f"{many} the title {one_line(to)}; a user is named as @user")
    return found[0]
