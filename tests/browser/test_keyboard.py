"""A whole day's use by keyboard alone. Whatever has the focus is always somewhere, and is shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.account import PASSWORD, Account, fresh
from tests.browser.conftest import People
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

FOCUSED = """() => {
  const now = document.activeElement;
  const named = (each) => each.getAttribute('aria-label') ?? each.labels?.[0]?.innerText
    ?? each.innerText;
  return now === document.body ? '' : named(now).trim();
}"""
STEPS_MAX = 40


class Keys:
    """Presses, and looks where the focus is."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self._page = tab, tab.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key)

    def type(self, text: str) -> None:
        self._page.keyboard.type(text)

    def to(self, name: str, key: str = "Tab") -> None:
        """As often as it takes."""
        passed = []
        while (now := str(self._page.evaluate(FOCUSED)).partition("\n")[0]) != name:
            passed.append(now)
            assert len(passed) < STEPS_MAX, f"not on the way: {passed}"
            self.press(key)


def test_a_day(people: People, picture: bytes) -> None:
    bob = people.account("Bob")
    carol = people.account("Carol")
    name = fresh("Alice")
    keys = Keys(people.device().tab())
    tab, page = keys.tab, keys.tab.page
    expect(tab.box("User name")).to_be_visible()

    keys.to("Create account")
    keys.press("Enter")
    keys.to("User name")
    keys.type(name)
    keys.to("Name")
    keys.type("Alice")
    keys.to("Password")
    keys.type(PASSWORD)
    keys.press("Enter")
    tab.is_ready()

    keys.press("n")
    expect(tab.dialog).to_be_visible()
    keys.to("User name")
    keys.type(bob.username)
    keys.press("Enter")
    expect(tab.composer).to_be_focused()
    keys.type("hello")
    keys.press("Enter")
    tab.ticked("hello", "Sent")
    chat_id = next(iter(bob.unread()))

    keys.press("ArrowUp")  # in an empty box: the last message, to change it
    expect(tab.composer).to_have_value("hello")
    keys.type(" Bob")
    keys.press("Enter")
    tab.sees("hello Bob")

    bob.send(chat_id, "hello Alice", "how are you")
    tab.sees("how are you")
    keys.to("Messages", "Shift+Tab")
    keys.press("ArrowUp", "ArrowUp")
    expect(tab.message("hello Alice")).to_be_focused()
    keys.press("r")
    expect(tab.composer).to_be_focused()
    keys.type("well")
    keys.press("Enter")
    expect(tab.quote_of(tab.sees("well"))).to_contain_text("hello Alice")

    keys.to("Messages", "Shift+Tab")
    keys.press("End", "Delete")
    expect(tab.dialog).to_be_visible()
    keys.to("Delete")
    keys.press("Enter")
    expect(tab.message("well")).to_have_count(0)
    keys.press("Control+z")
    tab.sees("well")

    keys.to("Messages", "Shift+Tab")
    keys.press("End", "Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    keys.press("f", "Enter")  # "Forward", by its first letter
    expect(tab.dialog).to_be_visible()
    keys.type("Bob")
    keys.press("Enter")
    expect(tab.message("well")).to_have_count(2)

    keys.to("Attach")
    keys.press("Enter")
    tab.choose({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture})
    expect(tab.dialog).to_be_visible()
    keys.to("Send")
    keys.press("Enter")
    expect(tab.dialog).to_have_count(0)
    photo = tab.articles.last
    expect(photo.get_by_role("img", name="Photo")).to_be_visible()
    expect(photo.get_by_text("Sent", exact=True)).to_be_visible()

    carol.send(carol.private(partner(bob, chat_id)), "and me")
    expect(tab.row("Carol")).to_be_visible()
    keys.press("Alt+ArrowUp")
    tab.sees("and me")

    keys.press("Control+k")
    expect(tab.box("Search")).to_be_focused()
    keys.type("hello Alice")
    expect(page.get_by_text("hello Alice").first).to_be_visible()
    keys.press("Enter")
    expect(tab.message("hello Alice").first).to_be_in_viewport()

    keys.press("Control+,")
    keys.to("Keyboard")
    keys.press("Enter")
    single = page.get_by_role("switch", name="Shortcuts of a single character")
    expect(single).to_be_checked()
    keys.to("Shortcuts of a single character")
    keys.press(" ")
    expect(single).not_to_be_checked()
    keys.press("n")
    expect(tab.dialog).to_have_count(0)
    keys.press("Escape", "Escape")

    keys.press("Control+,")
    keys.to("Log out")
    keys.press("Enter")
    expect(tab.dialog).to_be_visible()
    keys.to("Log out")
    keys.press("Enter")
    expect(tab.button("Log in")).to_be_visible()


def partner(account: Account, chat_id: str) -> int:
    """Whom somebody has a private chat with."""
    (found,) = {int(each) for each in chat_id[1:].split("-")} - {account.id}
    return found
