"""A tab that shows the client, used as people use it: by what things are called.

All is found by the names that screen readers say, which are a contract (`docs/web.md`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import CDPSession, FileChooser, FilePayload, Locator, Page, expect

from tests.browser.account import PASSWORD

if TYPE_CHECKING:
    from tests.browser.device import Device

HANGS_MS = 60_000
"""What has not happened by then will not happen."""
LOOK_MS = 20


class Seen:
    """What is on the page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def box(self, name: str) -> Locator:
        return self.page.get_by_role("textbox", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def password(self) -> Locator:
        """Password fields have no role."""
        return self.page.get_by_label("Password", exact=True)

    @property
    def connection(self) -> Locator:
        return self.page.get_by_role("status", name="Connection")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def chats(self) -> Locator:
        return self.page.get_by_role("list", name="Chats")

    def row(self, name: str) -> Locator:
        """The list's item that begins with this name."""
        begins = re.compile(rf"^\s*{re.escape(name)}")
        return self.chats.get_by_role("listitem").filter(has_text=begins)

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name="Messages")

    @property
    def articles(self) -> Locator:
        return self.log.get_by_role("article")

    @property
    def composer(self) -> Locator:
        return self.box("Message")

    def message(self, text: str) -> Locator:
        return self.articles.filter(has_text=text)

    def sees(self, text: str) -> Locator:
        """There is a message with this text, once."""
        found = self.message(text)
        expect(found).to_have_count(1)
        return found

    def shown(self) -> list[str]:
        """The texts of all messages of the window, from above."""
        return self.articles.all_inner_texts()

    def sees_unread(self, name: str, count: int) -> None:
        """What the row says, as one hears it."""
        told = (
            "no" if not count else "1 unread message" if count == 1 else f"{count} unread messages"
        )
        if count:
            expect(self.row(name)).to_contain_text(told)
        else:
            expect(self.row(name)).not_to_contain_text("unread message")

    def is_ready(self) -> None:
        """On a telephone the open chat covers the list."""
        expect(self.chats.or_(self.log).first).to_be_visible()

    def quote_of(self, message: Locator) -> Locator:
        """What a message answers."""
        return message.get_by_role("button").first

    def ticked(self, text: str, progress: str) -> None:
        """How far it has come, as one hears it."""
        expect(self.message(text).get_by_text(progress, exact=True)).to_be_visible()

    def is_kept(self) -> None:
        """The service worker has all parts of the client, also those that are not shown yet."""
        kept = "() => navigator.serviceWorker.controller !== null"
        self.page.wait_for_function(kept, polling=LOOK_MS)  # a tab behind others has no frames

    def rests(self) -> None:
        """It has asked for nothing for half a second: all parts that are not shown yet are there.
        With Playwright looking on, Chromium ends a service worker that is to be replaced also where
        it was just asked for something, which is never answered then."""
        self.page.wait_for_load_state("networkidle")

    def is_online(self) -> None:
        expect(self.connection).to_have_text(re.compile("online|connected", re.IGNORECASE))

    def is_offline(self) -> None:
        expect(self.connection).to_contain_text("No connection")

    def until(self, what: Callable[[], bool]) -> None:
        """Wait until something is so that is not on the screen. Playwright's events come only while
        one of its methods is waited for."""
        end_s = time.monotonic() + HANGS_MS / 1000
        while not what():
            assert time.monotonic() < end_s, "it did not happen"
            self.page.wait_for_timeout(LOOK_MS)


class Tab(Seen):
    """What can be done on it."""

    def __init__(self, page: Page, device: Device) -> None:
        super().__init__(page)
        self.device = device
        self._asked: list[FileChooser] = []
        # From the beginning: Playwright hears of none that comes while it is being told to listen.
        page.on("filechooser", self._asks)

    def _asks(self, chooser: FileChooser) -> None:
        self._asked.append(chooser)

    def cdp(self) -> CDPSession:
        return self.page.context.new_cdp_session(self.page)

    # Who one is

    def register(self, username: str, name: str) -> None:
        self.button("Create account").first.click()
        self.box("User name").fill(username)
        self.box("Name").fill(name)
        self.password.fill(PASSWORD)
        self.button("Create account").last.click()
        self.is_ready()

    def log_in(self, username: str) -> None:
        self.box("User name").fill(username)
        self.password.fill(PASSWORD)
        self.button("Log in").click()
        self.is_ready()

    def log_out(self) -> None:
        self.page.goto("/settings")
        self.button("Log out").click()
        self.dialog.get_by_role("button", name="Log out").click()

    # Chats

    def open(self, name: str) -> None:
        """And look at it."""
        self.page.bring_to_front()
        self.row(name).click()
        expect(self.log).to_be_visible()

    def open_new(self, username: str) -> None:
        """A chat with somebody whose user name one knows."""
        self.button("New chat").first.click()
        self.box("User name").fill(username)
        self.page.keyboard.press("Enter")
        expect(self.log).to_be_visible()

    def new_group(self, title: str, *usernames: str) -> None:
        self.button("New group").first.click()
        self.box("Group name").fill(title)
        self.pick(*usernames)
        self.button("Create group").click()
        expect(self.log).to_be_visible()

    def pick(self, *usernames: str) -> None:
        """People, in a dialog that asks for some."""
        for username in usernames:
            self.dialog.get_by_role("textbox", name="User name").fill(username)
            self.page.keyboard.press("Enter")
            chosen = self.dialog.get_by_role("button", name=re.compile("^Take .* out"))
            expect(chosen).to_be_visible()

    def about(self) -> Locator:
        """What is said of the open chat's person or group, and can be done."""
        self.button("Menu of this chat").click()
        self.page.get_by_role("menuitem", name=re.compile("^(Profile|About the group)")).click()
        expect(self.dialog).to_be_visible()
        return self.dialog

    def close_dialogs(self) -> None:
        while self.dialog.count():
            self.dialog.last.get_by_role("button", name="Close").click()

    # Messages

    def write(self, text: str) -> None:
        """With a button, which both telephones and desktops have."""
        self.composer.fill(text)
        self.button("Send").click()

    def edit(self, text: str, to: str) -> None:
        self.menu(text, "Edit")
        expect(self.composer).to_have_value(text)
        self.composer.fill(to)
        self.button("Save").click()

    def menu(self, text: str, item: str) -> None:
        """Something out of a message's menu."""
        self.message(text).first.click(button="right", position={"x": 5, "y": 5})
        self.page.get_by_role("menuitem", name=re.compile(rf"^{item}")).click()

    def attach(self, *files: FilePayload) -> None:
        self.button("Attach").click()
        self.choose(*files)

    def choose(self, *files: FilePayload) -> None:
        """What the browser's own dialog asks for."""
        self.until(lambda: bool(self._asked))
        self._asked.pop().set_files(list(files))

    def send_attached(self, caption: str = "") -> None:
        if caption:
            self.box("Caption").fill(caption)
        self.dialog.get_by_role("button", name="Send", exact=True).click()
        expect(self.dialog).to_have_count(0)

    def delete(self, text: str, *, for_all: bool, undo: bool = False) -> None:
        self.menu(text, "Delete")
        self.dialog.get_by_role("checkbox").set_checked(for_all)
        self.dialog.get_by_role("button", name="Delete").click()
        expect(self.message(text)).to_have_count(0)
        self.button("Undo" if undo else "Dismiss").last.click()

    def record_voice(self) -> None:
        """Of what the browser's microphone plays."""
        self.button("Record a voice message").click()
        expect(self.page.get_by_role("timer", name="Recording")).to_have_text("0:01")
        self.button("Send").click()

    def forward(self, text: str, to: str) -> None:
        self.menu(text, "Forward")
        self.dialog.get_by_role("button", name=to).click()
