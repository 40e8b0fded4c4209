"""Scenario 25: what a screen reader says, as far as the tree that it reads tells."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import inside
from tests.browser.account import Account
from tests.browser.conftest import People
from tests.browser.tab import Tab

pytestmark = pytest.mark.real


def open_chat(people: People) -> tuple[Tab, Account, str]:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    first = bob.send(chat_id, "hello Alice")[0]
    bob.reply(chat_id, first, "an answer to it")
    tab = people.tab(alice, f"/c/{chat_id}")
    tab.sees("an answer to it")
    return tab, bob, chat_id


def says(element: Locator) -> str:
    """In the order in which it is read."""
    return re.sub(r"\s+", " ", element.aria_snapshot())


def test_sender_and_text_come_first(people: People) -> None:
    tab, *_ = open_chat(people)
    assert re.match(r"- article: - text: Bob hello Alice ", says(tab.articles.first))
    # What it answers comes after what it says.
    assert re.match(r"- article: - text: Bob an answer to it ", says(tab.articles.last))
    tab.write("and mine")
    tab.ticked("and mine", "Sent")
    mine = says(tab.message("and mine"))
    assert re.match(r"- article: - text: You and mine - time: .* - text: Sent", mine)


def test_whoever_comes_to_a_message_by_key_hears_all_of_it(people: People) -> None:
    """Not by its name, which would be read before the same words by whoever goes line by line."""
    tab, *_ = open_chat(people)
    answer = re.compile(r"^Bob an answer to it [\d:]+ Reply: Bob hello Alice$")
    expect(tab.articles.last).to_have_accessible_description(answer)
    expect(tab.articles.last).to_have_accessible_name("")


def test_who_one_writes_to(people: People) -> None:
    tab, *_ = open_chat(people)
    expect(tab.page.get_by_role("main", name="Bob")).to_be_visible()
    expect(tab.composer).to_have_accessible_description("Bob")


def test_what_happens_is_said_once(people: People) -> None:
    """Also if a dialog was over the page since."""
    tab, bob, chat_id = open_chat(people)
    tab.page.evaluate(inside.WRITE_DOWN)
    tab.write("from here")
    tab.ticked("from here", "Sent")
    bob.send(chat_id, "from there")
    tab.menu("from there", "Reply")
    expect(tab.composer).to_be_focused()
    tab.button("New chat").click()
    expect(tab.dialog).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.dialog).to_have_count(0)
    tab.delete("from here", for_all=True, undo=True)
    tab.sees("from here")
    said = [
        "Sent",
        "Bob: from there",
        "Reply: Bob: from there",
        "Delete this message?",
        "Message deleted\nUndo",
        "Undone",
    ]
    assert tab.page.evaluate("() => window.__said()") == said
    assert tab.page.evaluate(inside.SAID_ANEW) == []


def test_each_new_message_is_said_once(people: People) -> None:
    """An element that is replaced is said again: from waiting to read it stays the same one."""
    tab, bob, chat_id = open_chat(people)
    tab.log.evaluate(inside.COUNT_ARTICLES)
    tab.write("from here")
    tab.ticked("from here", "Sent")
    mine, theirs = bob.history(chat_id)[-1]["id"], bob.send(chat_id, "from there")[0]
    bob.call("messages.read", chat_id=chat_id, max_id=mine)
    tab.ticked("from here", "Read")
    tab.sees("from there")
    bob.call("messages.edit", chat_id=chat_id, id=theirs, text="from there, changed")
    tab.sees("from there, changed")
    said = tab.page.evaluate("() => window.__articles()")
    assert [text for text in said if "from here" in text or "from there" in text] == said
    assert len(said) == 2, said


def test_the_focus_comes_back(people: People) -> None:
    tab, *_ = open_chat(people)
    tab.articles.first.focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("menu")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.articles.first).to_be_focused()
    for name in ("New chat", "New group", "Contacts"):
        tab.button(name).focus()
        tab.page.keyboard.press("Enter")
        expect(tab.dialog).to_be_visible()
        tab.page.keyboard.press("Escape")
        expect(tab.dialog).to_have_count(0)
        expect(tab.button(name)).to_be_focused()
