"""Scenario 17: a browser that keeps nothing, or no more, or has thrown away what it kept: the
client works, and says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.conftest import People
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

MISSING = "Object.defineProperty(self, 'indexedDB', {value: undefined});"


def without_store(context: BrowserContext) -> None:
    """Some private windows are so. The store is opened by a worker, which has no other way in."""

    def patched(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=MISSING + answer.text())

    context.route("**/assets/worker-*.js", patched)


def quota_is(tab: Tab, size: int) -> None:
    tab.cdp().send("Storage.overrideQuotaForOrigin", {"origin": tab.device.url, "quotaSize": size})


def talks(tab: Tab, text: str) -> None:
    tab.write(text)
    tab.sees(text)
    tab.ticked(text, "Sent")


def test_there_is_no_store(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    device = people.device(alice, service_workers="block")
    without_store(device.context)
    tab = device.tab(f"/c/{chat_id}")
    expect(tab.page.get_by_role("note").get_by_text("cannot keep anything")).to_be_visible()
    talks(tab, "without a store")
    bob.send(chat_id, "an answer")
    tab.sees("an answer")


def test_the_store_is_full(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = people.tab(alice, f"/c/{chat_id}")
    talks(tab, "there is room")
    quota_is(tab, 1)
    talks(tab, "there is none")
    expect(tab.page.get_by_role("note").get_by_text("no room left")).to_be_visible()
    bob.send(chat_id, "an answer")
    tab.sees("an answer")
    assert bob.texts(chat_id) == ["there is room", "there is none", "an answer"]


def test_the_store_was_thrown_away(people: People) -> None:
    """While the tab is open: browsers do that with what was not used for long, and people do."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    alice.send(chat_id, "before")
    tab = people.tab(alice, f"/c/{chat_id}")
    tab.sees("before")
    everything = {"origin": people.url, "storageTypes": "indexeddb,local_storage,cache_storage"}
    tab.cdp().send("Storage.clearDataForOrigin", everything)
    talks(tab, "after")
    tab.page.reload()
    tab.sees("before")
    tab.sees("after")
    assert bob.texts(chat_id) == ["before", "after"]
