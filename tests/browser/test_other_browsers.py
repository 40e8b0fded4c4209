"""The main walk in Firefox and in WebKit, of Debian."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import firefox, webkit
from tests.browser.account import PASSWORD, fresh
from tests.browser.conftest import People
from tests.browser.test_walk import conversation
from tests.integration.running import RunningServer

pytestmark = [pytest.mark.real, pytest.mark.soak]


def test_firefox(server: RunningServer, tmp_path: Path) -> None:
    if not firefox.PATH.exists():
        pytest.skip("no Firefox: apt-get install firefox-esr")
    with firefox.running(tmp_path) as browser:
        people = People(browser, server.url, "firefox")
        conversation(people)
        complaints = people.close()
    assert not complaints, "\n".join(complaints)


def test_webkit(server: RunningServer) -> None:
    if not (webkit.DRIVER.exists() and webkit.SCREEN.exists()):
        pytest.skip("no WebKit: apt-get install webkit2gtk-driver xvfb")
    with webkit.running() as alice, webkit.running() as bob:
        names = fresh("Alice"), fresh("Bob")
        for browser, name in zip((alice, bob), names, strict=True):
            browser.open(server.url)
            browser.click("button", "Create account")
            browser.type("User name", name)
            browser.type("Name", name.partition("_")[0].title())
            browser.type("Password", PASSWORD)
            browser.click("button", "Create account")
            browser.find("button", "New chat")
        alice.click("button", "New chat")
        alice.type("User name", names[1] + "\n")
        alice.type("Message", "hello Bob")
        alice.click("button", "Send")
        bob.click("link", "Alice")
        bob.find("article", "hello Bob")
        bob.type("Message", "hello yourself\n")
        alice.find("article", "hello yourself")
        alice.run("location.reload()")
        alice.find("article", "hello yourself")
