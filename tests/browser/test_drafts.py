"""Scenarios 5 to 7: a draft is never lost, and nothing goes where it was not meant for."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import inside
from tests.browser.conftest import People
from tests.browser.tab import Tab

pytestmark = pytest.mark.real

DRAFT = "half a thought"


def writing(people: People) -> Tab:
    """Alice has chats with Bob and Carol, and has begun to write to Bob."""
    alice = people.account("Alice")
    for name in ("Bob", "Carol"):
        alice.send(alice.private(people.account(name).id), f"hello {name}")
    tab = people.tab(alice)
    tab.open("Bob")
    tab.sees("hello Bob")
    tab.composer.fill(DRAFT)
    return tab


def test_switching_and_clicking_the_same_chat_again(people: People) -> None:
    tab = writing(people)
    tab.open("Carol")
    tab.sees("hello Carol")
    expect(tab.composer).to_have_value("")
    expect(tab.row("Bob")).to_contain_text(DRAFT)
    tab.open("Bob")
    expect(tab.composer).to_have_value(DRAFT)
    tab.open("Bob")
    expect(tab.composer).to_have_value(DRAFT)


def test_leaving_before_the_chat_was_loaded(people: People) -> None:
    tab = writing(people)
    tab.device.network.slow(0.05)
    tab.open("Carol")
    tab.composer.fill("for Carol")
    tab.open("Bob")
    expect(tab.composer).to_have_value(DRAFT)
    tab.open("Carol")
    expect(tab.composer).to_have_value("for Carol")


def test_reload(people: People) -> None:
    tab = writing(people)
    tab.page.reload()
    expect(tab.composer).to_have_value(DRAFT)


def test_crash(people: People) -> None:
    tab = writing(people)
    tab.until(lambda: DRAFT in inside.kept(tab.page))
    again = tab.device.crash(tab)
    expect(again.composer).to_have_value(DRAFT)


def test_a_draft_is_in_all_tabs_and_sending_takes_it_away(people: People) -> None:
    tab = writing(people)
    second = tab.device.tab()
    expect(second.row("Bob")).to_contain_text(DRAFT)
    second.open("Bob")
    expect(second.composer).to_have_value(DRAFT)
    second.button("Send").click()
    second.sees(DRAFT)
    expect(second.composer).to_have_value("")
    tab.sees(DRAFT)
    expect(tab.composer).to_have_value("")


def test_cancelling_an_edit_gives_the_draft_back(people: People) -> None:
    tab = writing(people)
    tab.menu("hello Bob", "Edit")
    expect(tab.composer).to_have_value("hello Bob")
    tab.page.keyboard.press("Escape")
    expect(tab.composer).to_have_value(DRAFT)


def test_ending_an_edit_gives_the_draft_back(people: People) -> None:
    tab = writing(people)
    tab.menu("hello Bob", "Edit")
    expect(tab.composer).to_have_value("hello Bob")
    tab.composer.fill("hello dear Bob")
    tab.page.keyboard.press("Enter")
    tab.sees("hello dear Bob")
    expect(tab.composer).to_have_value(DRAFT)


def test_sending_and_switching_at_once(people: People, picture: bytes) -> None:
    """It goes where it was meant for, and what comes does not switch chats."""
    tab = writing(people)
    tab.device.network.slow(0.1)
    tab.composer.press("Enter")
    tab.open("Carol")
    tab.attach({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": picture})
    tab.send_attached()
    tab.open("Bob")
    tab.sees(DRAFT)
    expect(tab.log.get_by_role("img", name="x.jpg")).to_have_count(0)
    tab.open("Carol")
    expect(tab.message(DRAFT)).to_have_count(0)
