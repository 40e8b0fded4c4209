"""Scenarios 11 to 13: notifications of the page while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import inside
from tests.browser.account import Account, numbered
from tests.browser.conftest import People
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

RECORDED = """
window.notified = [];
window.Notification = class {
  static permission = 'granted';
  static requestPermission = async () => 'granted';
  constructor(title, options) {
    Object.assign(this, options, {title});
    notified.push(this);
  }
  close() { this.closed = true; }
};
"""
"""What the system would show: there is none here that does."""
OPEN = """() => notified.filter(each => !each.closed)
  .map(({title, body}) => ({title, body}))"""


def shown(tabs: Sequence[Tab]) -> list[dict[str, Any]]:
    """By all tabs together."""
    return [each for tab in tabs for each in tab.page.evaluate(OPEN)]


def not_looking(people: People, count: int) -> tuple[Account, Account, str, list[Tab]]:
    """Alice wants to be told, and has so many tabs, of which she looks at none."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    bob.send(chat_id, "met")
    device = people.device(alice, permissions=["notifications"])
    device.context.add_init_script(RECORDED)
    tabs = [device.tab("/settings/notifications")]
    tabs[0].page.get_by_role("switch", name="Tell me about new messages").check()
    tabs += [device.tab() for _ in range(count - 1)]
    for tab in tabs:
        tab.is_online()
        inside.hide(tab.page)
    return alice, bob, chat_id, tabs


def test_three_tabs_and_one_notification_that_goes_when_it_is_read(people: People) -> None:
    alice, bob, chat_id, tabs = not_looking(people, 3)
    bob.send(chat_id, "are you there")
    tabs[0].until(lambda: bool(shown(tabs)))
    for tab in tabs:
        tab.sees_unread("Bob", 2)
    assert shown(tabs) == [{"title": "Bob", "body": "are you there"}]
    bob.send(chat_id, "hello")
    tabs[0].until(lambda: shown(tabs) != [{"title": "Bob", "body": "are you there"}])
    assert shown(tabs) == [{"title": "Bob", "body": "2 new messages"}]
    alice.call("messages.read", chat_id=chat_id, max_id=3)  # on another device
    tabs[0].until(lambda: not shown(tabs))


def test_what_came_while_it_was_closed_is_not_told(people: People) -> None:
    _, bob, chat_id, tabs = not_looking(people, 2)
    device = tabs[0].device
    for tab in tabs:
        tab.page.close()
    bob.send(chat_id, *numbered(1, 20))
    again = device.tab()
    again.sees_unread("Bob", 21)
    inside.hide(again.page)
    bob.send(chat_id, "now")
    again.until(lambda: bool(shown([again])))
    assert [each["body"] for each in shown([again])] == ["now"]


def test_a_click_opens_the_chat(people: People) -> None:
    _, bob, chat_id, (tab,) = not_looking(people, 1)
    bob.send(chat_id, "are you there")
    tab.until(lambda: bool(shown([tab])))
    inside.show(tab.page)
    tab.page.evaluate("() => notified.at(-1).onclick()")
    expect(tab.sees("are you there")).to_be_in_viewport()
    tab.until(lambda: not shown([tab]))
