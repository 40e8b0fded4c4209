"""Two builds whose tabs do not understand each other, open together: an upgrade that raised
`PROTOCOL`. The newer one goes on with all that was not sent yet, and the older one says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.account import Account
from tests.browser.conftest import People
from tests.browser.tab import Tab
from tests.browser.upgraded import Rebuilt, build_of, is_newer
from tests.integration.running import RunningServer

pytestmark = [pytest.mark.real, pytest.mark.soak]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Rebuilt]:
    front = Rebuilt(tmp_path)
    server = RunningServer(tmp_path / "data", "--origin", front.url).start()
    front.server_url = server.url
    yield front
    front.end()
    server.stop()


@pytest.fixture
def alice(browser: Browser, front: Rebuilt) -> Iterator[tuple[People, Account, Account]]:
    people = People(browser, front.server_url, "two-builds")
    alice, bob = people.account("Alice"), people.account("Bob")
    alice.send(alice.private(bob.id), "met")
    yield people, alice, bob
    complaints = people.close()
    assert not complaints, "\n".join(complaints)


def loaded_newer(tab: Tab) -> None:
    before = build_of(tab.page)
    tab.page.get_by_role("button", name="Load it").click()
    is_newer(tab.page, before)


def test_the_newer_one_leads_and_the_older_one_says_so(
    front: Rebuilt, alice: tuple[People, Account, Account]
) -> None:
    people, her, him = alice
    newer = people.tab(her, url=front.url)
    newer.is_online()
    newer.is_kept()
    newer.open("Bob")
    older = newer.device.tab("/")
    older.is_ready()
    older.open("Bob")
    older.sees("met")
    newer.device.cut()
    newer.is_offline()
    newer.write("written before the upgrade")
    newer.composer.fill("half a sentence")
    front.upgraded = True
    newer.device.network.mend()
    loaded_newer(newer)
    expect(newer.composer).to_have_value("half a sentence")
    newer.is_online()
    newer.ticked("written before the upgrade", "Sent")
    newer.write("by the newer one")
    newer.ticked("by the newer one", "Sent")
    # The older one leads no more, loses nothing, and goes on when it is loaded again.
    older.write("by the older one")
    expect(older.page.get_by_text("is open in another tab").first).to_be_visible()
    loaded_newer(older)
    older.is_online()
    older.sees("by the newer one")
    expect(older.composer).to_have_value("by the older one")
    older.button("Send").click()
    newer.sees("by the older one")
    texts = [each.get("text") for each in him.history(her.private(him.id))]
    assert texts == ["met", "written before the upgrade", "by the newer one", "by the older one"]
