"""Scenario 16: the server was upgraded under an open tab. No white page, and the draft is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.account import Account
from tests.browser.conftest import People
from tests.browser.tab import Tab
from tests.browser.upgraded import Upgraded, build_of, is_newer
from tests.integration.running import RunningServer

pytestmark = pytest.mark.real

DRAFT = "half a sentence"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Upgraded]]:
    front = Upgraded()
    server = RunningServer(tmp_path_factory.mktemp("upgraded") / "data", "--origin", front.url)
    server.start()
    front.server_url = server.url
    yield server, front
    front.end()
    server.stop()


@pytest.fixture
def front(behind: tuple[RunningServer, Upgraded]) -> Iterator[Upgraded]:
    yield behind[1]
    behind[1].upgraded = False


@pytest.fixture
def alice(
    browser: Browser, behind: tuple[RunningServer, Upgraded]
) -> Iterator[tuple[People, Account]]:
    people = People(browser, behind[0].url, "upgrade")
    alice, bob = people.account("Alice"), people.account("Bob")
    alice.send(alice.private(bob.id), "met")
    yield people, alice
    complaints = people.close()
    assert not complaints, "\n".join(complaints)


NEVER_RESTS = "window.requestIdleCallback = () => 0"
"""A page loads its other parts when it rests."""


def writing(people: People, alice: Account, front: Upgraded) -> Tab:
    """She has a chat open, and has begun to write."""
    return begin(people.tab(alice, url=front.url))


def writing_without_parts(people: People, alice: Account, front: Upgraded) -> Tab:
    """The same, where the page has only the parts that were shown, and the browser keeps none."""
    device = people.device(alice, url=front.url, service_workers="block")
    device.context.add_init_script(NEVER_RESTS)
    device.complaints.expect("registration blocked")
    return begin(device.tab())


def begin(tab: Tab) -> Tab:
    tab.is_online()
    tab.open("Bob")
    tab.composer.fill(DRAFT)
    return tab


def test_an_open_tab_goes_on_and_loads_the_newer_client_when_asked(
    front: Upgraded, alice: tuple[People, Account]
) -> None:
    tab = writing(*alice, front)
    tab.is_kept()
    before = build_of(tab.page)
    tab.device.cut()
    tab.is_offline()
    front.upgraded = True
    tab.device.network.mend()
    offer = tab.page.get_by_role("button", name="Load it")
    expect(offer).to_have_count(1)
    # It goes on, with parts that the server does not have any more.
    tab.about()
    tab.close_dialogs()
    assert build_of(tab.page) == before
    # Another tab is of the same build until somebody says so.
    other = tab.device.tab("/")
    other.is_ready()
    assert build_of(other.page) == before
    for each in (tab, other):
        each.rests()
    offer.click()
    is_newer(tab.page, before)
    expect(tab.composer).to_have_value(DRAFT)
    tab.about()
    # The other one still has what it needs.
    assert build_of(other.page) == before
    other.open("Bob")
    other.about()


def test_a_part_that_is_gone_brings_the_newer_client_with_the_draft(
    front: Upgraded, alice: tuple[People, Account]
) -> None:
    """Where browsers keep nothing of the client (plain http in a local network)."""
    tab = writing_without_parts(*alice, front)
    before = build_of(tab.page)
    tab.device.complaints.expect("404", "Refused to apply")
    front.upgraded = True
    tab.button("Menu of this chat").click()
    tab.page.get_by_role("menuitem", name="Profile").click()
    is_newer(tab.page, before)
    expect(tab.dialog).to_be_visible()  # what she asked for
    tab.close_dialogs()
    expect(tab.composer).to_have_value(DRAFT)


def test_a_part_that_cannot_be_had_waits_for_the_connection(
    front: Upgraded, alice: tuple[People, Account]
) -> None:
    """A page that nobody keeps is not thrown away for one that cannot come."""
    tab = writing_without_parts(*alice, front)
    tab.device.cut()
    tab.is_offline()
    tab.button("Menu of this chat").click()
    tab.page.get_by_role("menuitem", name="Profile").click()
    expect(tab.page.get_by_text("There is no connection.").first).to_be_visible()
    expect(tab.composer).to_have_value(DRAFT)
    tab.write("all else works")
    tab.sees("all else works")
    tab.composer.fill(DRAFT)
    tab.device.network.mend()
    expect(tab.dialog).to_be_visible()
    tab.close_dialogs()
    expect(tab.composer).to_have_value(DRAFT)
    tab.sees("all else works")
