"""Scenarios 9, 10 and 14: many tabs are one client."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import inside
from tests.browser.account import numbered
from tests.browser.complaints import UNREACHABLE
from tests.browser.conftest import People
from tests.browser.tab import Tab
from tests.integration.running import RunningServer

pytestmark = pytest.mark.real

TABS = 10


def live(tab: Tab, server: RunningServer) -> int:
    return tab.device.network.open_to(server.ws_port)


def test_ten_tabs_are_one_client(people: People, server: RunningServer) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    device = people.device(alice)
    tabs = [device.tab(f"/c/{chat_id}") for _ in range(TABS)]
    for tab in tabs:
        tab.is_online()
    assert live(tabs[0], server) == 1
    tabs[3].write("from the fourth")
    tabs[3].ticked("from the fourth", "Sent")
    bob.send(chat_id, "from Bob")
    for tab in tabs:
        tab.sees("from the fourth")
        tab.sees("from Bob")
    assert alice.texts(chat_id) == ["from the fourth", "from Bob"]


def test_another_tab_takes_over(people: People, server: RunningServer) -> None:
    """When the leading one is closed, and when it hangs."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    device = people.device(alice)
    first, second, third = (device.tab(f"/c/{chat_id}") for _ in range(3))
    third.is_online()
    first.page.close()
    third.write("the first is gone")
    second.sees("the first is gone")
    second.until(lambda: alice.texts(chat_id) == ["the first is gone"])
    second.until(lambda: live(second, server) == 1)
    bob.send(chat_id, "seen")
    for tab in (second, third):
        tab.sees("seen")


def test_logging_out_in_one_clears_all(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    alice.send(chat_id, "a secret of ours")
    device = people.device(alice)
    tabs = [device.tab(f"/c/{chat_id}") for _ in range(3)]
    for tab in tabs:
        tab.sees("a secret of ours")
        tab.is_kept()
    tabs[1].composer.fill("a secret draft")
    tabs[0].until(lambda: "a secret" in inside.kept(tabs[0].page))
    tabs[1].until(lambda: "a secret draft" in inside.kept(tabs[1].page))
    tabs[2].log_out()
    for tab in tabs:
        expect(tab.button("Log in")).to_be_visible()
        expect(tab.page.get_by_text("a secret")).to_have_count(0)
    tabs[0].until(lambda: "secret" not in inside.kept(tabs[0].page))
    for tab in tabs:
        expect(tab.button("Load it")).to_have_count(0)  # it has ended, and there is no newer
    # Another one has to lead, whose worker has asked the server for nothing yet.
    tabs.pop(0).page.close()
    tabs[0].log_in(bob.username)
    for tab in tabs:
        expect(tab.row("Alice")).to_be_visible()
    tabs[1].open("Alice")
    tabs[1].sees("a secret of ours")  # Bob may read it
    expect(tabs[1].composer).to_have_value("")


def test_a_session_that_is_ended_elsewhere(people: People) -> None:
    alice = people.account("Alice")
    tab = people.tab(alice)
    tab.device.complaints.expect(UNREACHABLE, "status of 401")
    tab.is_online()
    alice.call("auth.end_other_sessions")
    expect(tab.button("Log in")).to_be_visible()


@pytest.mark.parametrize("how", ["hidden", "unfocused"])
def test_who_does_not_look_has_not_read(people: People, how: str) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = people.tab(alice, f"/c/{chat_id}")
    tab.is_online()
    other = tab.device.tab()
    if how == "hidden":
        inside.hide(tab.page)
    else:
        inside.loses_focus(tab.page, other.page)
    bob.send(chat_id, "one", "two")
    tab.sees("two")
    inside.settles(tab.log)
    other.sees_unread("Bob", 2)
    assert alice.unread()[chat_id] == 2
    if how == "hidden":
        inside.show(tab.page)
    else:
        inside.gets_focus(tab.page)
    tab.until(lambda: alice.unread()[chat_id] == 0)
    tab.sees_unread("Bob", 0)


def test_unread_sums_equal_a_fresh_fetch(people: People) -> None:
    """After messages, deletions and reading on two devices, in three chats."""
    alice, bob, carol = (people.account(name) for name in ("Alice", "Bob", "Carol"))
    private = alice.private(bob.id)
    group = bob.group("Club", alice, carol)
    first, second = people.tab(alice), people.tab(alice)
    ids = bob.send(private, *numbered(1, 30))
    bob.send(group, *numbered(1, 5))
    carol.send(group, *numbered(6, 10))
    bob.call("messages.delete", chat_id=private, ids=ids[5:10], for_all=True)
    for tab in (first, second):
        tab.sees_unread("Bob", 25)
    first.open("Club")
    first.sees("message 10")
    for tab in (first, second):
        tab.sees_unread("Club", 0)
    bob.call("messages.delete", chat_id=private, ids=ids[20:22], for_all=True)
    fresh = people.tab(alice)
    counted = alice.unread()
    assert counted[private] == 23
    for tab in (first, second, fresh):
        tab.sees_unread("Bob", 23)
        tab.sees_unread("Club", counted[group])
