"""Scenario 23 and the telephone: one hand, a keyboard that takes half of the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import People
from tests.browser.device import NARROW, PHONE
from tests.browser.made_up import words
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

KEYBOARD_PX = 320


def keyboard_is(tab: Tab, height: int) -> None:
    """It takes so much of the screen: the page becomes smaller (`interactive-widget` asks for
    that), as Chromium's does."""
    tab.page.set_viewport_size({"width": PHONE.width, "height": PHONE.height - height})


def fits(tab: Tab) -> None:
    """Nothing hangs out at the side."""
    assert tab.page.evaluate(
        "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_the_keyboard_comes_and_goes(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    bob.send(chat_id, *(words(number) for number in range(1, 40)))
    tab = people.tab(alice, screen=PHONE)
    tab.open("Bob")
    last = tab.message(words(39))
    expect(last).to_be_in_viewport()
    whole = tab.composer.bounding_box()
    tab.composer.tap()
    keyboard_is(tab, KEYBOARD_PX)
    expect(tab.composer).to_be_in_viewport(ratio=1)
    box = tab.composer.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= PHONE.height - KEYBOARD_PX
    expect(last).to_be_in_viewport()
    keyboard_is(tab, 0)
    expect(last).to_be_in_viewport()
    tab.until(lambda: tab.composer.bounding_box() == whole)


def test_nothing_hangs_out_at_320_pixels(people: People, picture: bytes) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    bob.send(chat_id, "W" * 300, "https://example.org/" + "a" * 200, "👩‍👩‍👧‍👦 " * 50)
    tab = people.tab(alice, screen=NARROW)
    fits(tab)
    tab.open("Bob")
    tab.sees("W" * 300)
    fits(tab)
    tab.page.go_back()
    expect(tab.chats).to_be_visible()
