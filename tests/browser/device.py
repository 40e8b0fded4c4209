"""A browser in somebody's hands, used as they use it: by what things are called.

A `Device` is a profile, whose tabs share what is kept; a `Tab` shows the client. All is found by
the names that screen readers say, which are a contract (`docs/web.md`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from tests.browser.account import PASSWORD, Account
from tests.browser.complaints import UNREACHABLE, Complaints
from tests.browser.network import Network

HANGS_MS = 60_000
"""What has not happened by then will not happen."""
LOOK_MS = 20


@dataclass(frozen=True)
class Screen:
    """What is held in the hand, or stands on the desk."""

    width: int
    height: int
    touch: bool = False


DESKTOP = Screen(1280, 800)
PHONE = Screen(390, 780, touch=True)
NARROW = Screen(320, 640, touch=True)


class Device:
    """See the module. Closed, it says what was complained of (`close`)."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        screen: Screen = DESKTOP,
        names: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.url = url
        self.network = Network(names)
        self.context = browser.new_context(
            base_url=url,
            proxy={"server": self.network.url},
            viewport={"width": screen.width, "height": screen.height},
            has_touch=screen.touch,
            is_mobile=screen.touch,
            locale=options.pop("locale", "en-GB"),
            permissions=options.pop("permissions", []),
            **options,
        )
        self.context.set_default_timeout(HANGS_MS)
        self.complaints = Complaints(self.context)

    def log_in(self, account: Account) -> Device:
        """Without the page: it finds the cookie when it is opened."""
        login = {"username": account.username, "password": PASSWORD, "cookie": True}
        answer = self.context.request.post("/api/auth.login", data=login)
        assert answer.ok, answer.text()
        return self

    def tab(self, path: str = "/") -> Tab:
        """One more, which shows the client."""
        tab = Tab(self, self.context.new_page())
        tab.page.goto(path)
        return tab

    def cut(self) -> None:
        """The network goes, which Chromium complains of."""
        self.complaints.expect(UNREACHABLE)
        self.network.cut()

    def close(self) -> list[str]:
        """What a test must not pass over."""
        self.context.close()
        self.network.end()
        others = {host for host in self.network.hosts if f"//{host}:" not in self.url}
        return self.complaints.left() + [f"asked {host} for something" for host in sorted(others)]


class Tab:
    """See the module."""

    def __init__(self, device: Device, page: Page) -> None:
        self.device, self.page = device, page

    # Who one is

    def register(self, username: str, name: str) -> None:
        self.page.get_by_role("button", name="Create account").first.click()
        self.box("User name").fill(username)
        self.box("Name").fill(name)
        self.password.fill(PASSWORD)
        self.button("Create account").click()
        self.is_ready()

    def log_in(self, username: str) -> None:
        self.box("User name").fill(username)
        self.password.fill(PASSWORD)
        self.button("Log in").click()
        self.is_ready()

    def is_ready(self) -> None:
        expect(self.chats).to_be_visible(timeout=HANGS_MS)

    def is_online(self) -> None:
        expect(self.connection).to_have_accessible_name(re.compile("online", re.IGNORECASE))

    @property
    def password(self) -> Locator:
        """Password fields have no role."""
        return self.page.get_by_label("Password", exact=True)

    @property
    def connection(self) -> Locator:
        return self.page.get_by_role("status", name="Connection")

    # The list

    @property
    def chats(self) -> Locator:
        return self.page.get_by_role("list", name="Chats")

    def row(self, name: str) -> Locator:
        """The list's item that begins with this name."""
        return self.chats.get_by_role("listitem").filter(
            has_text=re.compile(rf"^\s*{re.escape(name)}")
        )

    def open(self, name: str) -> None:
        self.row(name).click()
        expect(self.log).to_be_visible()

    def open_new(self, username: str) -> None:
        """A chat with somebody whose user name one knows."""
        self.button("New chat").click()
        self.box("User name").fill(username)
        self.page.keyboard.press("Enter")
        expect(self.log).to_be_visible()

    # A chat

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name="Messages")

    @property
    def composer(self) -> Locator:
        return self.box("Message")

    def message(self, text: str) -> Locator:
        return self.log.get_by_role("article").filter(has_text=text)

    def write(self, text: str) -> None:
        """What is sent, with a button that both telephones and desktops have."""
        self.composer.fill(text)
        self.button("Send").click()

    def sees(self, text: str) -> Locator:
        """There is a message with this text, once."""
        found = self.message(text)
        expect(found).to_have_count(1, timeout=HANGS_MS)
        return found

    def shown(self) -> list[str]:
        """The texts of all messages of the window, from above."""
        return self.log.get_by_role("article").all_inner_texts()

    # Anything

    def box(self, name: str) -> Locator:
        return self.page.get_by_role("textbox", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def until(self, what: Callable[[], bool]) -> None:
        """Wait until something is so that is not on the screen. Playwright's events come only while
        one of its methods is waited for."""
        end_s = time.monotonic() + HANGS_MS / 1000
        while not what():
            assert time.monotonic() < end_s, "it did not happen"
            self.page.wait_for_timeout(LOOK_MS)

    def cdp(self) -> CDPSession:
        return self.device.context.new_cdp_session(self.page)
