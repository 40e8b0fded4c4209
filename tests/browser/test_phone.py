"""Scenario 23 and the telephone: one hand, a keyboard that takes half of the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import People
from tests.browser.device import NARROW, PHONE
from tests.browser.flaws import hanging
from tests.browser.inside import rests
from tests.browser.made_up import words
from tests.browser.tab import Tab
from tests.unit.look.samples import wav

pytestmark = pytest.mark.real

KEYBOARD_PX = 320


VISUAL = """height => {
  const viewport = window.visualViewport;
  Object.defineProperty(viewport, 'height', {get: () => height, configurable: true});
  viewport.dispatchEvent(new Event('resize'));
}"""


def keyboard_is(tab: Tab, height: int, system: str) -> None:
    """It takes so much of the screen. Android makes the page smaller, as the page asks for
    (`interactive-widget`); iOS only tells what is left to see of it."""
    left = PHONE.height - height
    if system == "Android":
        tab.page.set_viewport_size({"width": PHONE.width, "height": left})
    else:
        tab.page.evaluate(VISUAL, left)


def bottom(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize("system", ["Android", "iOS"])
def test_the_keyboard_comes_and_goes(people: People, system: str) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    ids = bob.send(chat_id, *(words(number) for number in range(1, 40)))
    alice.call("messages.read", chat_id=chat_id, max_id=ids[-1])
    tab = people.tab(alice, screen=PHONE)
    tab.open("Bob")
    last = tab.message(words(39))
    expect(last).to_be_in_viewport()
    rests(tab.page)  # the chat slides in
    whole = tab.composer.bounding_box()
    tab.composer.tap()
    keyboard_is(tab, KEYBOARD_PX, system)
    expect(tab.composer).to_be_in_viewport(ratio=1)
    tab.until(lambda: bottom(tab.composer) <= PHONE.height - KEYBOARD_PX)
    tab.until(lambda: bottom(last) <= PHONE.height - KEYBOARD_PX)
    expect(last).to_be_in_viewport()
    keyboard_is(tab, 0, system)
    expect(last).to_be_in_viewport()
    tab.until(lambda: tab.composer.bounding_box() == whole)


def test_what_sounds_is_at_hand_everywhere(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    bob.send_file(chat_id, "tune.wav", wav(30), "audio")
    tab = people.tab(alice, screen=PHONE)
    tab.open("Bob")
    tab.sees("tune.wav").get_by_role("button", name="Play").click()
    player = tab.page.get_by_role("region", name="Player")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    tab.page.go_back()
    expect(tab.chats).to_be_visible()
    player.get_by_role("button", name="Pause").click()
    tab.page.get_by_role("link", name="Settings").click()
    expect(tab.page.get_by_role("heading", name="Settings", level=2)).to_be_in_viewport()
    player.get_by_role("button", name="tune.wav").click()
    expect(tab.log).to_be_visible()
    player.get_by_role("button", name="Stop playing").click()
    expect(player).to_have_count(0)
    expect(tab.composer).to_be_in_viewport(ratio=1)


def test_nothing_hangs_out_at_320_pixels(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    bob.send(chat_id, "W" * 300, "https://example.org/" + "a" * 200, "👩‍👩‍👧‍👦 " * 50)
    tab = people.tab(alice, screen=NARROW)
    tab.until(lambda: not hanging(tab.page))  # what slides in hangs out for a moment
    tab.open("Bob")
    tab.sees("W" * 300)
    tab.until(lambda: not hanging(tab.page))  # what slides in hangs out for a moment
    tab.page.go_back()
    expect(tab.chats).to_be_visible()
