"""Scenario 17: a browser that keeps nothing, or no more, or has thrown away what it kept: the
client works, and says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.account import Account
from tests.browser.conftest import People
from tests.browser.device import Device
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

MISSING = "Object.defineProperty(self, 'indexedDB', {value: undefined});"
FULL = """
let full = false;
new BroadcastChannel('tests').onmessage = () => { full = true; };
const put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (...given) {
  if (full) throw new DOMException('no room', 'QuotaExceededError');
  return put.apply(this, given);
};
"""
GETS_FULL = "() => new BroadcastChannel('tests').postMessage('full')"


def device_whose_store_is(people: People, account: Account, script: str) -> Device:
    """The store is opened by a worker, which gets this first: Chromium's own quota cannot be had
    small enough."""

    def patched(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=script + answer.text())

    device = people.device(account, service_workers="block")
    device.complaints.expect("Service Worker registration blocked")
    device.context.route("**/assets/worker-*.js", patched)
    return device


def talks(tab: Tab, text: str) -> None:
    tab.write(text)
    tab.sees(text)
    tab.ticked(text, "Sent")


def test_there_is_no_store(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = device_whose_store_is(people, alice, MISSING).tab(f"/c/{chat_id}")
    expect(tab.page.get_by_role("note").get_by_text("cannot keep anything")).to_be_visible()
    talks(tab, "without a store")
    bob.send(chat_id, "an answer")
    tab.sees("an answer")


def test_the_store_is_full(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = device_whose_store_is(people, alice, FULL).tab(f"/c/{chat_id}")
    talks(tab, "there is room")
    tab.page.evaluate(GETS_FULL)
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
