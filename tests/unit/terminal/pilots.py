"""Driving the chat in tests: type, and wait until something is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from textual.pilot import Pilot
from textual.widgets import Static

from heliograph.terminal.app import ChatApp
from heliograph.terminal.main_screen import MainScreen
from heliograph.terminal.widgets import Composer, Conversation, DialogList

WAIT_S = 20.0
SIZE = (100, 30)


class Driver:
    """One user at their terminal."""

    def __init__(self, app: ChatApp, pilot: Pilot[int | None]) -> None:
        self.app, self.pilot = app, pilot

    async def until(self, what: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        """Wait until something is so, and tell what was seen if it never is."""
        end_s = asyncio.get_running_loop().time() + wait_s
        while not what():
            assert asyncio.get_running_loop().time() < end_s, f"not seen; but:\n{self.seen()}"
            await self.pilot.pause(0.01)

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.seen())

    async def misses(self, words: str) -> None:
        await self.until(lambda: words not in self.seen())

    def seen(self) -> str:
        """The text of the screen."""
        parts: list[str] = []
        for widget in self.app.screen.walk_children():
            if isinstance(widget, Conversation):
                parts.append(widget.plain)
            elif isinstance(widget, DialogList):
                parts += [str(option.prompt) for option in widget.options]
            elif isinstance(widget, Composer):
                parts.append(f"> {widget.text}")
            elif isinstance(widget, Static):
                parts.append(str(widget.render()))
        return "\n".join(parts)

    @property
    def conversation(self) -> str:
        return self.app.screen.query_one(Conversation).plain

    @property
    def main(self) -> MainScreen:
        screen = self.app.screen
        assert isinstance(screen, MainScreen)
        return screen

    async def enter(self, text: str) -> None:
        """Put a line into the composer and press Enter."""
        composer = self.app.screen.query_one(Composer)
        composer.focus()
        composer.insert(text)
        await self.pilot.press("enter")

    async def ready(self) -> None:
        """Wait until the chats are there."""
        await self.until(
            lambda: (
                isinstance(self.app.screen, MainScreen)
                and self.app.screen.is_mounted
                and self.app.messenger is not None
                and self.app.messenger.ready
            )
        )


async def with_app(
    app: ChatApp, act: Callable[[Driver], Awaitable[None]], size: tuple[int, int] = SIZE
) -> None:
    async with app.run_test(size=size) as pilot:
        await act(Driver(app, pilot))
