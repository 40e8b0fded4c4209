"""The Textual app: which screen is shown, and the life of the client and the messenger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import App
from textual.binding import Binding, BindingType

import heliograph as h
from heliograph.terminal.main_screen import MainScreen
from heliograph.terminal.messenger import Messenger
from heliograph.terminal.screens import LoginScreen
from heliograph.terminal.script import DEVICE
from heliograph.terminal.text import one_line, plural
from heliograph.terminal.transfers import asked_to_wait, in_words

Connect = Callable[
    [Callable[[h.ConnectionState], None], Callable[[h.ApiError, float], None]], h.Client
]
"""Makes the client, given what it tells of its connection and of waits (`on_wait`)."""


class ChatApp(App[int]):
    """`heliograph chat`."""

    CSS_PATH = "chat.tcss"
    TITLE = "Heliograph"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("ctrl+c", "copy_or_quit", "Copy or quit", show=False, priority=True),
    ]

    def __init__(self, connect: Connect) -> None:
        super().__init__()
        self._connect = connect
        self.client: h.Client | None = None
        self.messenger: Messenger | None = None
        self.failure = ""
        """Why the program ended, if not because the user wanted so."""
        self._dirty = False
        self._warned = 0

    # --- life -----------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        client = self._connect(self._connection_changed, self._waits)
        self.client = await client.__aenter__()
        if client.logged_in:
            self.logged_in()
        else:
            self._to_login("")

    async def on_unmount(self) -> None:
        if self.messenger is not None:
            self.messenger.stop()
        if self.client is not None:
            await self.client.close()

    def logged_in(self) -> None:
        """There is a login: talk."""
        assert self.client is not None
        self.messenger = Messenger(self.client, self._changed, self._say)
        screen = MainScreen(self.messenger)
        if isinstance(self.screen, LoginScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)
        self.follow(self.messenger)

    def _to_login(self, words: str) -> None:
        assert self.client is not None
        self.messenger = None
        while len(self.screen_stack) > 2:
            self.pop_screen()
        screen = LoginScreen(self.client, self.logged_in, words)
        if len(self.screen_stack) > 1:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    @work
    async def follow(self, messenger: Messenger) -> None:
        """Keep the messenger going until its login is over."""
        try:
            await messenger.run()
            words = "You are logged out."
        except h.SessionEnded:
            words = "This login was ended, by you from another device or by the server."
        except h.ClientClosed:
            return
        except h.HeliographError as error:
            self.failure = in_words(error)
            self.exit(1)
            return
        finally:
            messenger.stop()
        if self.is_running and messenger is self.messenger:
            self._to_login(words)

    # --- what the messenger and the client tell ---------------------------------------------------

    def _connection_changed(self, state: h.ConnectionState) -> None:
        if self.messenger is not None:
            self.messenger.connection_changed(state)

    def _waits(self, error: h.ApiError, wait_s: float) -> None:
        words = asked_to_wait(error, wait_s)
        if isinstance(self.screen, LoginScreen):
            self.screen.tell(words)
        else:
            self._say(words, wait_s)

    def _changed(self) -> None:
        """Show what changed, once for all that changes in one go."""
        if not self._dirty and self.is_running:
            self._dirty = True
            self.call_later(self._show)

    def _show(self) -> None:
        self._dirty = False
        screen = self._main()
        if screen is not None:
            screen.show()

    def _say(self, words: str, least_s: float = 0.0) -> None:
        screen = self._main()
        if screen is not None and screen.is_mounted:
            screen.note(words, least_s)

    def _main(self) -> MainScreen | None:
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen):
                return screen
        return None

    # --- the terminal ---------------------------------------------------------------------------

    def _watch_app_focus(self, focus: bool) -> None:
        super()._watch_app_focus(focus)
        screen = self._main() if self.is_running else None
        if screen is not None and screen.is_mounted:
            screen.focus_changed()

    def on_text_selected(self, event: events.TextSelected) -> None:
        event.stop()

    async def action_copy_or_quit(self) -> None:
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self._say("copied")
        else:
            await self.action_quit()

    async def action_quit(self) -> None:
        """Quit; a message that is not sent yet is pointed out first."""
        unsent = self.messenger.unsent() if self.messenger is not None else 0
        if unsent and self._warned != unsent:
            self._warned = unsent
            self._say(f"{plural(unsent, 'message')} not sent yet; quit again to lose them")
            return
        self.exit(0)


def run(url: str, state: Path) -> int:
    """Talk until the user quits; returns the exit code. Raises `HeliographError`."""
    app = ChatApp(
        lambda told, waits: h.Client(
            url, state=h.FileState(state), device=DEVICE, on_connection=told, on_wait=waits
        )
    )
    app.run()
    if app.failure:
        raise h.HeliographError(one_line(app.failure))
    return app.return_code or 0
