"""Log in and send without a terminal, for scripts. What is printed is the result alone."""

from __future__ import annotations

import platform
from pathlib import Path

import heliograph as h
from api import limits
from heliograph.chat.login import LoginError, alone, check_new, username_of
from heliograph.chat.text import one_line

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
        client = h.Client(url, state=h.FileState(state), device=DEVICE, live=False)
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


async def send(url: str, state: Path, to: str, text: str) -> h.Sent:
    """Send a text from the saved login. The state file is only read, so this works beside a running
    client. Raises `LoginError`, `ApiError`, `HeliographError`."""
    saved = h.FileState(state).load()
    if saved is None or not saved.token:
        raise NotLoggedIn(
            f"nobody is logged in; do it once with: heliograph chat --url {url} --login USER"
        )
    if saved.server != url:
        raise LoginError(f"{state} is a login at {saved.server}; name another file with --state")
    async with h.Client(url, token=saved.token, live=False) as client:
        return await client.send(await _target(client, to), text)


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
