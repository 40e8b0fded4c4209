"""A browser in somebody's hands: a profile, whose tabs share what is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, expect

from tests.browser.account import PASSWORD, Account
from tests.browser.complaints import UNREACHABLE, Complaints
from tests.browser.network import Network
from tests.browser.tab import HANGS_MS, Tab


@dataclass(frozen=True)
class Screen:
    """What is held in the hand, or stands on the desk."""

    width: int
    height: int
    touch: bool = False


OF_THE_BROWSER = ("content-autofill.googleapis.com",)
"""Whom Chromium itself asks, about any page with a password."""
DESKTOP = Screen(1280, 800)
PHONE = Screen(390, 780, touch=True)
NARROW = Screen(320, 640, touch=True)


class Device:
    """See the module. At its end it says what was complained of (`close`)."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        screen: Screen = DESKTOP,
        names: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.url = url
        self.screen = screen
        self.network = Network(names)
        self.context = browser.new_context(
            base_url=url,
            proxy={"server": self.network.url},
            viewport={"width": screen.width, "height": screen.height},
            **{"locale": "en-GB", "has_touch": screen.touch, "is_mobile": screen.touch, **options},
        )
        self.context.set_default_timeout(HANGS_MS)
        self.complaints = Complaints(self.context)

    def log_in(self, account: Account) -> Device:
        """Without the page: it finds the cookie when it is opened."""
        login = {"username": account.username, "password": PASSWORD, "cookie": True}
        answer = self.context.request.post(
            "/api/auth.login", data=login, headers={"origin": self.url}
        )
        assert answer.ok, answer.text()
        return self

    def tab(self, path: str = "/") -> Tab:
        """One more, which shows the client."""
        page = self.context.new_page()
        page.goto(path)
        return Tab(page, self)

    def cut(self) -> None:
        """The network goes, which Chromium complains of."""
        self.complaints.expect(UNREACHABLE)
        self.network.cut()

    def crash(self, tab: Tab) -> Tab:
        """The tab dies, its workers too, and is opened again where it was."""
        where = tab.page.url
        with tab.page.expect_event("crash"), contextlib.suppress(Error):
            tab.page.goto("chrome://crash")
        tab.page.close()
        return self.tab(where)

    def close(self) -> list[str]:
        """What a test must not pass over."""
        self.context.close()
        self.network.end()
        known = {*OF_THE_BROWSER, urlsplit(self.url).hostname}
        others = self.network.hosts - known
        return self.complaints.left() + [f"asked {host} for something" for host in sorted(others)]


expect.set_options(timeout=HANGS_MS)
