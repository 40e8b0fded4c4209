"""The screens: log in, talk, and pages to read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Input, Static

import heliograph as h
from api import methods as m
from heliograph.terminal.actions import Page
from heliograph.terminal.login import LoginError, check_new, username_of
from heliograph.terminal.media import PICTURE_CELLS, picture
from heliograph.terminal.text import one_line
from heliograph.terminal.transfers import in_words

ASK_S = 4.0
ASK_AGAIN_S = 2.0
SHORT_HEIGHT = 26


class PageScreen(ModalScreen[None]):
    """Lines to read, until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close"),
    ]

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="page") as box:
            box.border_title = Text(self._page.title)
            box.border_subtitle = "Esc closes"
            yield Static("", id="lines", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        width = event.size.width - 5
        drawn = picture(self._page.preview, min(width, PICTURE_CELLS)) if self._page.preview else ()
        lines = [*drawn, *map(Text, self._page.lines(width))]
        self.query_one("#lines", Static).update(Text("\n").join(lines))


class LoginScreen(Screen[None]):
    """Log in, or make an account if the server lets one; then call `logged_in`."""

    def __init__(self, client: h.Client, logged_in: Callable[[], None], words: str = "") -> None:
        super().__init__()
        self._client = client
        self._logged_in = logged_in
        self._words = words
        self._registration = "closed"
        self._busy = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box"):
            yield Static("Heliograph", classes="title", markup=False)
            yield Static("", id="server", markup=False)
            yield Input(placeholder="User name", id="username")
            yield Input(placeholder="Your name, as others see it", id="name", classes="new")
            yield Input(placeholder="Password", id="password", password=True)
            yield Input(placeholder="Password again", id="again", password=True, classes="new")
            yield Input(placeholder="Invitation", id="invitation")
            yield Static(self._words, id="words", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Log in", id="go", variant="primary")
                yield Button("New here? Make an account", id="other")

    def on_mount(self) -> None:
        self.query_one("#other").display = False
        self.query_one("#box").can_focus = False
        self.query_one("#username").focus()
        self.ask()

    def on_resize(self) -> None:
        self.set_class(self.size.height < SHORT_HEIGHT, "short")

    @work
    async def ask(self) -> None:
        """Ask the server who may register, until it answers."""
        server = one_line(self._client.server)
        self._tell_server(f"connecting to {server} …")
        while True:
            try:
                config: h.Config = await self._client.call(m.GetConfig(), timeout_s=ASK_S)
                break
            except h.ClientClosed:
                return
            except (h.ApiError, h.HeliographError) as error:
                self._tell_server(f"{server} cannot be reached ({in_words(error)}); trying again …")
            await asyncio.sleep(ASK_AGAIN_S)
        self._registration = config.registration
        words = {
            "open": "",
            "invitation": ". New accounts need an invitation.",
            "closed": ". It takes no new accounts.",
        }
        self._tell_server(f"{server}{words[config.registration]}")
        self.query_one("#other").display = config.registration != "closed"
        self.set_class(config.registration == "invitation", "invited")

    def _tell_server(self, words: str) -> None:
        self.query_one("#server", Static).update(words)

    def tell(self, words: str) -> None:
        """What is wrong, or what is done."""
        self.query_one("#words", Static).update(words)

    @property
    def registering(self) -> bool:
        return self.has_class("registering")

    @on(Button.Pressed, "#other")
    def switch(self) -> None:
        """Between logging in and making an account."""
        new = not self.registering
        self.set_class(new, "registering")
        self.query_one("#go", Button).label = "Make the account" if new else "Log in"
        other = "I have an account" if new else "New here? Make an account"
        self.query_one("#other", Button).label = other
        self.tell("")
        fields = self._fields()
        next((field for field in fields if not field.value), fields[0]).focus()

    def _fields(self) -> list[Input]:
        """Those that are shown."""
        return [field for field in self.query(Input) if field.display]

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Enter goes to the next field, and from the last one on."""
        fields = self._fields()
        after = fields[fields.index(event.input) + 1 :]
        if after:
            after[0].focus()
        else:
            self.go()

    @on(Button.Pressed, "#go")
    def go(self) -> None:
        if not self._busy:
            self._busy = True
            self.log_in()

    def _typed(self, id: str) -> str:
        return self.query_one(f"#{id}", Input).value

    @work
    async def log_in(self) -> None:
        """Try what is typed."""
        try:
            username, password = username_of(self._typed("username")), self._typed("password")
            if self.registering:
                check_new(username, password, self._typed("again"))
            elif not password:
                raise LoginError("type your password")
            self.tell("one moment …")
            if self.registering:
                name = self._typed("name").strip() or None
                invitation = self._typed("invitation").strip()
                await self._client.register(username, password, name, invitation=invitation)
            else:
                await self._client.login(username, password)
        except LoginError as error:
            self.tell(str(error))
        except (h.ApiError, h.HeliographError) as error:
            self.tell(one_line(in_words(error)))
        else:
            self._logged_in()
        finally:
            self._busy = False
