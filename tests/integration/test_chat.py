"""The terminal client against a real server: two people at their terminals, and a script."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from textual.widgets import Button, Input

import heliograph as h
from heliograph.terminal.app import ChatApp
from heliograph.terminal.model import Model
from tests.integration.running import HELIOGRAPH, RunningServer
from tests.unit.terminal.pilots import SIZE, Driver

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
TEST_S_MAX = 240


@contextlib.asynccontextmanager
async def terminal(server: RunningServer, state: Path, username: str) -> AsyncIterator[Driver]:
    """A new user, registered at their terminal."""
    app = ChatApp(
        lambda told, waits: h.Client(
            server.url, state=h.FileState(state), on_connection=told, on_wait=waits
        )
    )
    async with app.run_test(size=SIZE) as pilot:
        driver = Driver(app, pilot)
        await driver.sees(server.url)
        await driver.misses("connecting")
        app.screen.query_one("#other", Button).press()
        for field, value in (
            ("username", username),
            ("name", username.title()),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ):
            app.screen.query_one(f"#{field}", Input).value = value
        app.screen.query_one("#go", Button).press()
        await driver.ready()
        await driver.sees(f"@{username}  online")
        yield driver


def two(
    server: RunningServer, folder: Path, act: Callable[[Driver, Driver, str, str], Awaitable[None]]
) -> None:
    async def both() -> None:
        names = [f"{name}_{secrets.token_hex(4)}" for name in ("alice", "bobby")]
        async with (
            asyncio.timeout(TEST_S_MAX),
            terminal(server, folder / "a.json", names[0]) as alice,
            terminal(server, folder / "b.json", names[1]) as bob,
        ):
            await act(alice, bob, *names)

    asyncio.run(both())


def model(driver: Driver) -> Model:
    return driver.main.messenger.model


def last_tick(driver: Driver) -> str | None:
    """How far the last message of the open chat came."""
    chat = driver.main.messenger.current()
    if chat is None or chat.top is None:
        return None
    return model(driver).tick(chat.top)


def test_two_people_talk(server: RunningServer, tmp_path: Path) -> None:
    async def act(alice: Driver, bob: Driver, a: str, b: str) -> None:
        await alice.enter(f"/open @{b}")
        await alice.sees("Nothing here yet")
        await alice.enter("hello [bold]Bob[/bold]")
        await bob.sees("hello [bold]Bob[/bold]")
        await alice.until(lambda: last_tick(alice) == "delivered")
        await bob.pilot.press("ctrl+n")
        await bob.until(lambda: "new messages" in bob.conversation)
        await alice.until(lambda: last_tick(alice) == "read")
        await bob.pilot.press(*"hi")
        await alice.sees(f"{b.title()} is typing…")
        await bob.pilot.press("enter")
        await alice.until(lambda: " hi  " in alice.conversation)
        await bob.until(lambda: last_tick(bob) == "read")
        await alice.until(lambda: model(alice).online(model(alice).peer(_open(alice))))

    two(server, tmp_path, act)


def _open(driver: Driver):  # type: ignore[no-untyped-def]
    chat = driver.main.messenger.current()
    assert chat is not None
    return chat


def test_a_group(server: RunningServer, tmp_path: Path) -> None:
    async def act(alice: Driver, bob: Driver, a: str, b: str) -> None:
        await alice.enter(f"/group Our Club @{b}")
        await alice.sees("2 members")
        await bob.sees("Our Club")
        await bob.pilot.press("ctrl+n")
        await bob.until(lambda: f"{a.title()} added you" in bob.conversation)
        await bob.enter("thanks")
        await alice.until(lambda: f"{b.title()}\n thanks" in alice.conversation)
        await alice.enter("/rename Their Club")
        await bob.until(lambda: "to “Their Club”" in bob.conversation)
        await bob.sees("Their Club  ")
        await bob.enter("/leave")
        await alice.until(lambda: f"{b.title()} left" in alice.conversation)
        await bob.sees("you are not in this group any more")

    two(server, tmp_path, act)


def test_a_session_that_is_ended_from_another_device(server: RunningServer, tmp_path: Path) -> None:
    async def act(alice: Driver, bob: Driver, a: str, b: str) -> None:
        async with h.Client(server.url, live=False) as phone:
            await phone.login(a, PASSWORD)
            await phone.end_other_sessions()
        await alice.sees("This login was ended")

    two(server, tmp_path, act)


def chat(
    server: RunningServer, state: Path, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `heliograph chat` as a script does."""
    return subprocess.run(
        [str(HELIOGRAPH), "chat", "--url", server.url, "--state", str(state), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HELIOGRAPH_PASSWORD": PASSWORD},
    )


def test_a_script_logs_in_and_sends(server: RunningServer, tmp_path: Path) -> None:
    name, state = f"robot_{secrets.token_hex(4)}", tmp_path / "robot.json"
    sending = ("--to", "saved", "--send")
    not_yet = chat(server, state, *sending, "x")
    assert not_yet.returncode == 2
    assert "--login USER" in not_yet.stderr
    assert chat(server, state, "--register", name).returncode == 0
    assert state.stat().st_mode & 0o777 == 0o600
    sent = chat(server, state, *sending, "from the command line")
    assert (sent.returncode, sent.stdout) == (0, "1\n")
    piped = chat(server, state, *sending, "-", stdin="two\nlines\n")
    assert (piped.returncode, piped.stdout) == (0, "2\n")
    refused = chat(server, state, "--to", "@nobody_is_called_so", "--send", "x")
    assert (refused.returncode, refused.stdout) == (1, "")
    again = chat(server, state, "--login", name)
    assert again.returncode == 2
    assert f"holds the login of @{name}" in again.stderr

    async def texts() -> list[str]:
        async with h.Client(server.url, state=h.FileState(state), live=False) as client:
            saved = await client.open_private((await client.me()).id)
            return [message.text async for message in client.history(saved.id, oldest_first=True)]

    assert asyncio.run(texts()) == ["from the command line", "two\nlines"]
