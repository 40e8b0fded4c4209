"""Scenarios 20, 21 and 24: input methods, undo, and what is dragged."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import inside
from tests.browser.account import Account
from tests.browser.conftest import People
from tests.browser.tab import Tab

pytestmark = pytest.mark.real


def open_chat(people: People) -> tuple[Tab, Account, str]:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = people.tab(alice, f"/c/{chat_id}", permissions=["clipboard-read", "clipboard-write"])
    expect(tab.composer).to_be_visible()
    return tab, alice, chat_id


def test_enter_of_an_input_method_sends_nothing(people: People) -> None:
    tab, alice, chat_id = open_chat(people)
    tab.composer.focus()
    session = tab.cdp()
    for text in ("に", "にほ", "にほん"):
        session.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    session.send("Input.insertText", {"text": "日本"})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    expect(tab.composer).to_have_value("日本")
    tab.page.keyboard.press("Enter")
    tab.sees("日本")
    tab.until(lambda: alice.texts(chat_id) == ["日本"])


def test_undo_is_exact(people: People) -> None:
    """After a paste and an emoji."""
    tab, *_ = open_chat(people)
    tab.composer.press_sequentially("one two")
    tab.page.evaluate("() => navigator.clipboard.writeText('pasted')")
    tab.page.keyboard.press("Control+v")
    expect(tab.composer).to_have_value("one twopasted")
    tab.page.keyboard.press("Control+z")
    expect(tab.composer).to_have_value("one two")
    tab.button("Emoji").click()
    tab.page.get_by_role("dialog", name="Emoji").get_by_role("button").first.click()
    tab.page.keyboard.press("Escape")
    expect(tab.composer).not_to_have_value("one two")
    tab.composer.focus()
    tab.page.keyboard.press("Control+z")
    expect(tab.composer).to_have_value("one two")
    tab.page.keyboard.press("Control+Shift+z")
    expect(tab.composer).not_to_have_value("one two")


def test_what_is_dragged_away_leaves_nothing_behind(people: People, tmp_path: Path) -> None:
    tab, *_ = open_chat(people)
    file = tmp_path / "notes.txt"
    file.write_text("notes")
    overlay = tab.page.get_by_text("Drop files here")
    for end in ("dragCancel", "nothing more"):  # Escape and leaving; a browser that forgets to tell
        inside.drag(tab.page, "dragEnter", 600, 300, file)
        inside.drag(tab.page, "dragOver", 610, 310, file)
        expect(overlay).to_be_visible()
        if end == "dragCancel":
            inside.drag(tab.page, end, 610, 310, file)
        expect(overlay).to_be_hidden()
    inside.drag(tab.page, "dragEnter", 600, 300, file)
    inside.drag(tab.page, "dragOver", 610, 310, file)
    inside.drag(tab.page, "drop", 610, 310, file)
    expect(overlay).to_be_hidden()
    tab.send_attached()
    tab.sees("notes.txt")


def test_text_that_is_dropped_is_text(people: People) -> None:
    tab, *_ = open_chat(people)
    box = tab.composer.bounding_box()
    assert box is not None
    x, y = box["x"] + 20, box["y"] + 10
    for kind in ("dragEnter", "dragOver", "drop"):
        inside.drag(tab.page, kind, x, y, text="dropped words")
    expect(tab.composer).to_have_value("dropped words")
    expect(tab.page.get_by_text("Drop files here")).to_be_hidden()
