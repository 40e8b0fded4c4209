"""People with browsers, and a real server that serves them the client."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Error

from tests.browser import chromium
from tests.browser.account import Account, registered
from tests.browser.device import Device
from tests.browser.pictures import landscape
from tests.browser.tab import Tab
from tests.integration.running import ROOT, RunningServer

KEPT = ROOT / ".venv" / "screens"
"""Pictures, for whoever looks: of every screen, and of tabs in which a test failed."""
OPTIONS = ("--host", "0.0.0.0")
"""Of the server that all use: it is reached by the names of this machine, too."""
FAILED: pytest.StashKey[bool] = pytest.StashKey()


def pytest_configure() -> None:
    KEPT.mkdir(parents=True, exist_ok=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not chromium.PATH.exists():
        terminalreporter.section("NO BROWSER", red=True, bold=True)
        terminalreporter.write_line(chromium.MISSING, red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not chromium.PATH.exists():
        if os.environ.get("HELIOGRAPH_BROWSER") == "required":
            pytest.fail(chromium.MISSING)
        pytest.skip(chromium.MISSING)
    with chromium.running() as browser:
        yield browser


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("server") / "data", *OPTIONS).start()
    page = httpx2.get(server.url, headers={"accept": "text/html"}, trust_env=False)
    assert "<script" in page.text, "the client is not built: make install"
    yield server
    if server.is_running:
        server.stop()


@pytest.fixture
def server(running: RunningServer) -> RunningServer:
    """One for all tests; whoever kills it starts it again, or leaves that to the next."""
    return running if running.is_running else running.start()


class People:
    """Accounts and browsers of one test. At its end nobody's browser has complained."""

    def __init__(self, browser: Browser, url: str, test: str) -> None:
        self._browser, self.url, self._test = browser, url, test
        self._devices: list[Device] = []
        self._accounts: list[Account] = []

    def account(self, name: str) -> Account:
        """Somebody with an account, and without a browser."""
        self._accounts.append(registered(self.url, name))
        return self._accounts[-1]

    def device(self, account: Account | None = None, **options: Any) -> Device:
        """A new browser, logged in if an account is given."""
        device = Device(self._browser, options.pop("url", self.url), **options)
        self._devices.append(device)
        return device if account is None else device.log_in(account)

    def tab(self, account: Account, path: str = "/", **options: Any) -> Tab:
        """The client, in a new browser of somebody's."""
        tab = self.device(account, **options).tab(path)
        tab.is_ready()
        return tab

    def keep_pictures(self) -> None:
        """Of what is seen now."""
        for number, device in enumerate(self._devices):
            for place, page in enumerate(device.context.pages):
                with contextlib.suppress(Error):  # it may have crashed
                    page.screenshot(path=KEPT / f"failed-{self._test}-{number}-{place}.png")

    def close(self) -> list[str]:
        for account in self._accounts:
            account.close()
        return [complaint for device in self._devices for complaint in device.close()]


@pytest.fixture
def people(
    browser: Browser, server: RunningServer, request: pytest.FixtureRequest
) -> Iterator[People]:
    test = re.sub(r"\W+", "-", request.node.name)
    for old in KEPT.glob(f"failed-{test}-*.png"):
        old.unlink()
    people = People(browser, server.url, test)
    yield people
    failed = request.node.stash.get(FAILED, False)
    if failed:
        people.keep_pictures()
    complaints = people.close()
    assert failed or not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A photograph, larger than what is shown of it."""
    return landscape((1600, 1000))
