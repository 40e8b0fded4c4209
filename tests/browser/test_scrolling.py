"""Scenarios 1 to 4: what one reads does not move, and a jump arrives."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Locator, expect

from tests.browser.account import numbered
from tests.browser.conftest import People
from tests.browser.device import DESKTOP, PHONE, Screen
from tests.browser.inside import Watch, first_in_view, next_frame, oldest, settles
from tests.browser.made_up import words
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

MOVED_PX_MAX = 1
SHADES = 16
"""Less than this is one colour to the eye."""
WHEELS = 10
LONG = 300
"""Messages of a chat: more than are in a page, or in the window."""


class Reading:
    """Alice reads in the middle of a long chat with Bob."""

    def __init__(self, people: People, count: int = LONG, screen: Screen = DESKTOP) -> None:
        self.alice, self.bob = people.account("Alice"), people.account("Bob")
        self.chat_id = self.bob.private(self.alice.id)
        self.ids = self.bob.send(self.chat_id, *(words(number) for number in range(1, count + 1)))
        self.alice.call("messages.read", chat_id=self.chat_id, max_id=self.ids[-1])
        self.tab = people.tab(self.alice, screen=screen)

    def at(self, number: int) -> Locator:
        """Go to this message; it is in the middle of the screen."""
        self.tab.page.goto(f"/c/{self.chat_id}#m{self.ids[number - 1]}")
        found = self.message(number)
        expect(found).to_be_in_viewport()
        settles(self.tab.log)
        return found

    def message(self, number: int) -> Locator:
        return self.tab.message(words(number))


def wheel(tab: Tab, by: int) -> None:
    tab.log.hover()
    tab.page.mouse.wheel(0, by)
    settles(tab.log)


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_older_page_arrives_slowly(people: People, screen: Screen) -> None:
    reading = Reading(people, screen=screen)
    tab = reading.tab
    reading.at(150)
    before = oldest(tab.log)
    with tab.device.network.held():
        tab.log.hover()
        for _ in range(WHEELS):  # as far as it goes
            tab.page.mouse.wheel(0, -2_000)
            next_frame(tab.page)
        settles(tab.log, loading=True)
        assert oldest(tab.log) == before
        expect(tab.log.get_by_role("progressbar")).to_be_visible()
        expect(tab.log.get_by_text("This is where the chat begins")).to_have_count(0)
        watch = Watch.of(first_in_view(tab.log))
    tab.until(lambda: oldest(tab.log) < before)
    settles(tab.log)
    assert watch.moved() <= MOVED_PX_MAX


def test_changes_above_what_is_read(people: People, picture: bytes) -> None:
    """An edit that makes it longer, one that makes it shorter, a deletion, and a picture."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = bob.private(alice.id)
    ids = bob.send(chat_id, *(words(number) for number in range(1, 11)))
    picture_id = bob.send_file(chat_id, "wide.jpg", picture, "photo")
    ids += bob.send(chat_id, *(words(number) for number in range(11, 60)))
    alice.call("messages.read", chat_id=chat_id, max_id=ids[-1])
    tab = people.tab(alice, f"/c/{chat_id}#m{ids[14]}")
    read = tab.message(words(15))
    expect(read).to_be_in_viewport()
    settles(tab.log)
    changes: tuple[Callable[[], object], ...] = (
        lambda: bob.call("messages.edit", chat_id=chat_id, id=ids[9], text="longer " * 100),
        lambda: bob.call("messages.edit", chat_id=chat_id, id=ids[9], text="short"),
        lambda: bob.call("messages.delete", chat_id=chat_id, ids=[ids[10]], for_all=True),
        lambda: bob.call("messages.delete", chat_id=chat_id, ids=[picture_id], for_all=True),
    )
    for number, change in enumerate(changes):
        watch = Watch.of(read)
        change()
        bob.send(chat_id, f"after {number}")
        expect(tab.row("Bob")).to_contain_text(f"after {number}")
        settles(tab.log)
        assert watch.moved() <= MOVED_PX_MAX


def test_what_comes_does_not_move_who_reads_above(people: People) -> None:
    """The end is held, and out of sight."""
    reading = Reading(people)
    found = reading.at(LONG - 30)
    watch = Watch.of(found)
    reading.bob.send(reading.chat_id, *numbered(1, 10, "new"))
    reading.tab.sees("new 10")
    assert watch.moved() <= MOVED_PX_MAX


def test_at_the_end_one_stays_at_the_end(people: People) -> None:
    reading = Reading(people, 60)
    tab = reading.tab
    tab.open("Bob")
    expect(reading.message(60)).to_be_in_viewport()
    for text in numbered(1, 5, "new"):
        reading.bob.send(reading.chat_id, text)
        expect(tab.sees(text)).to_be_in_viewport()


def test_a_jump_to_the_first_unread(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = bob.private(alice.id)
    ids = bob.send(chat_id, *(words(number) for number in range(1, LONG + 1)))
    alice.call("messages.read", chat_id=chat_id, max_id=ids[99])
    tab = people.tab(alice)
    tab.open("Bob")
    expect(tab.message(words(101))).to_be_in_viewport()
    expect(tab.log.get_by_text("Unread messages")).to_be_in_viewport()


def test_a_jump_to_a_reply_and_back(people: People) -> None:
    reading = Reading(people)
    reading.bob.reply(reading.chat_id, reading.ids[19], "an answer to number twenty")
    tab = reading.tab
    tab.open("Bob")
    answer = tab.sees("an answer to number twenty")
    expect(answer).to_be_in_viewport()
    tab.quote_of(answer).click()
    expect(reading.message(20)).to_be_in_viewport()
    settles(tab.log)
    assert reading.message(20).count() == 1
    tab.button("Back to where you were").click()
    expect(answer).to_be_in_viewport()


def test_a_jump_to_a_date(people: People) -> None:
    """To the first message of that day."""
    reading = Reading(people)
    tab = reading.tab
    tab.open("Bob")
    expect(reading.message(LONG)).to_be_in_viewport()
    tab.button("Menu of this chat").click()
    tab.page.get_by_role("menuitem", name="Go to a date").click()
    tab.page.get_by_label("Go to a date").fill(time.strftime("%Y-%m-%d"))
    expect(reading.message(1)).to_be_in_viewport()


def test_the_address_of_another_message(people: People) -> None:
    """Typed while the chat is open, and back."""
    reading = Reading(people)
    reading.at(40)
    reading.at(250)
    reading.tab.page.go_back()
    expect(reading.message(40)).to_be_in_viewport()


def test_the_beginning_says_that_it_is_one(people: People) -> None:
    reading = Reading(people)
    tab = reading.tab
    reading.at(LONG)
    tab.device.network.slow(0.1)
    tab.button("Menu of this chat").click()
    tab.page.get_by_role("menuitem", name="To the beginning").click()
    expect(reading.message(1)).to_be_in_viewport()
    expect(tab.log.get_by_text("This is where the chat begins")).to_be_visible()
    wheel(tab, -2_000)
    settles(tab.log)
    assert oldest(tab.log) == reading.ids[0]


def test_back_in_a_chat_one_is_where_one_was(people: People) -> None:
    reading = Reading(people)
    carol = people.account("Carol")
    carol.send(carol.private(reading.alice.id), "hello")
    tab = reading.tab
    found = reading.at(150)
    top = found.bounding_box()
    tab.open("Carol")
    tab.sees("hello")
    tab.open("Bob")
    expect(found).to_be_in_viewport()
    settles(tab.log)
    again = found.bounding_box()
    assert top is not None
    assert again is not None
    assert abs(top["y"] - again["y"]) <= MOVED_PX_MAX


def test_what_stands_in_the_middle_passes_out_of_sight_under_the_day(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    group = bob.group("Club", alice)
    bob.send(group, *(words(number) for number in range(1, 40)))
    tab = people.tab(bob, f"/c/{group}")
    tab.sees(words(39))
    day = tab.log.get_by_role("heading").locator("span")
    service = tab.message("You added Alice").locator("span")
    service.scroll_into_view_if_needed()
    settles(tab.log)
    while (by := box(service)["y"] - box(day)["y"]) >= 1:  # the day moves along at first
        tab.log.evaluate("(log, by) => log.scrollBy(0, by)", by)
        settles(tab.log)
    told, stands = box(service), box(day)
    wide = stands["x"] - told["x"] - 1
    beside = tab.page.screenshot(
        clip={"x": told["x"], "y": told["y"], "width": wide, "height": told["height"]}
    )
    shades = Image.open(io.BytesIO(beside)).convert("L").tobytes()
    assert max(shades) - min(shades) < SHADES


def box(element: Locator) -> FloatRect:
    found = element.bounding_box()
    assert found is not None
    return found
