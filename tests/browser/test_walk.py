"""The walk through all that people do: two of them, with three devices."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.account import fresh
from tests.browser.conftest import People
from tests.browser.device import PHONE
from tests.unit.look.samples import wav

pytestmark = pytest.mark.real


def test_from_nothing_to_a_conversation(people: People) -> None:
    conversation(people)


def conversation(people: People) -> None:
    """Registered in the browser, found by user name, written, received, read; and what is answered,
    changed, deleted and forwarded, on every device."""
    alice_name, bob_name = fresh("Alice"), fresh("Bob")
    alice, bob = people.device().tab(), people.device(screen=PHONE).tab()
    alice.register(alice_name, "Alice")
    bob.register(bob_name, "Bob")
    second = people.device().tab()
    second.log_in(alice_name)

    alice.open_new(bob_name)
    alice.write("hello Bob")
    alice.ticked("hello Bob", "Delivered")
    bob.open("Alice")
    bob.sees("hello Bob")
    alice.ticked("hello Bob", "Read")
    second.open("Bob")
    second.ticked("hello Bob", "Read")

    bob.menu("hello Bob", "Reply")
    bob.composer.press_sequentially("hello ")
    expect(alice.page.get_by_text("typing…").first).to_be_visible()
    bob.write("hello yourself")
    expect(alice.quote_of(alice.sees("hello yourself"))).to_contain_text("hello Bob")

    alice.edit("hello Bob", "hello dear Bob")
    for tab in (alice, bob, second):
        expect(tab.message("hello dear Bob").first).to_contain_text("edited")
    expect(bob.quote_of(bob.message("hello yourself"))).to_contain_text("hello dear Bob")

    alice.write("to be regretted")
    for tab in (bob, second):
        tab.sees("to be regretted")
    alice.delete("to be regretted", for_all=True)
    for tab in (alice, bob, second):
        expect(tab.message("to be regretted")).to_have_count(0)

    alice.write("for me alone")
    bob.sees("for me alone")
    alice.delete("for me alone", for_all=False)
    for tab in (alice, second):
        expect(tab.message("for me alone")).to_have_count(0)
    bob.sees("for me alone")

    alice.forward("hello yourself", to="Bob")
    for tab in (alice, bob, second):
        expect(tab.message("hello yourself")).to_have_count(2)
        expect(tab.message("hello yourself").last).to_contain_text("Forwarded")


def test_what_is_taken_back_in_time_is_not_deleted(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    alice.send(chat_id, "stays after all")
    tab = people.tab(alice, f"/c/{chat_id}")
    tab.delete("stays after all", for_all=True, undo=True)
    tab.sees("stays after all")
    assert alice.texts(chat_id) == ["stays after all"]


def test_photographs_and_files(people: People, picture: bytes) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = people.tab(alice, f"/c/{chat_id}")
    other = people.tab(bob, f"/c/{chat_id}", screen=PHONE)

    tab.attach({"name": "hill.jpg", "mimeType": "image/jpeg", "buffer": picture})
    tab.send_attached("the hill")
    for each in (tab, other):
        is_shown(each.sees("the hill").get_by_role("img", name="Photo"))

    tab.attach(
        {"name": "one.jpg", "mimeType": "image/jpeg", "buffer": picture},
        {"name": "two.jpg", "mimeType": "image/jpeg", "buffer": picture},
    )
    tab.send_attached("an album")
    tab.until(lambda: len(bob.history(chat_id)) == 3)
    first, second = bob.history(chat_id)[1:]
    assert first["album"] == second["album"]
    expect(other.sees("an album").get_by_role("img")).to_have_count(2)

    tab.attach({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"some notes"})
    tab.send_attached()
    with other.page.expect_download() as download:
        other.sees("notes.txt").get_by_role("link", name="Save notes.txt").click()
    assert download.value.path().read_bytes() == b"some notes"

    tab.attach({"name": "tone.wav", "mimeType": "audio/wav", "buffer": wav(1)})
    tab.send_attached()
    other.sees("tone.wav")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg: apt-get install ffmpeg")
def test_a_voice_message(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = people.tab(alice, f"/c/{chat_id}", permissions=["microphone"])
    other = people.tab(bob, f"/c/{chat_id}", screen=PHONE)
    tab.record_voice()
    tab.until(lambda: len(bob.history(chat_id)) == 1)
    voice = bob.history(chat_id)[0]["media"]
    assert voice["kind"] == "voice"
    assert voice["waveform"]
    assert voice["duration_ms"] > 0
    other.button("Play voice message").click()
    expect(other.button("Pause").first).to_be_visible()


def is_shown(picture: Locator) -> None:
    """It is loaded, and not in miniature."""
    expect(picture).to_be_visible()
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") > 100


def test_a_group(people: People) -> None:
    alice, bob, carol = (people.account(name) for name in ("Alice", "Bob", "Carol"))
    tab, other = people.tab(alice), people.tab(bob, screen=PHONE)
    third = people.tab(carol)
    tab.new_group("Our Club", bob.username)
    other.open("Our Club")
    other.write("thanks")
    tab.sees("thanks")

    about = tab.about()
    about.get_by_role("button", name="Add people").click()
    tab.pick(carol.username)
    tab.dialog.last.get_by_role("button", name="Add", exact=True).click()
    third.open("Our Club")
    about.get_by_role("button", name="Edit").click()
    tab.box("Group name").fill("Their Club")
    tab.box("Description").fill("who meets")
    about.get_by_role("button", name="Save").click()
    for each in (tab, third):
        expect(each.row("Their Club")).to_be_visible()
    expect(other.page.get_by_role("heading", name="Their Club").last).to_be_visible()
    tab.close_dialogs()

    third.about().get_by_role("button", name="Leave the group").click()
    third.dialog.last.get_by_role("button", name="Leave the group").click()
    expect(tab.message("Carol left the group")).to_be_visible()
    expect(third.row("Their Club")).to_contain_text("You are not in this group any more")


def test_people(people: People, picture: bytes) -> None:
    """Profiles and their pictures, contacts with names of one's own, blocks."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    alice.send(chat_id, "hello")
    tab = people.tab(alice, f"/c/{chat_id}")
    other = people.tab(bob, "/settings/profile")
    other.box("Name").fill("Robert")
    other.box("About").fill("on the hill")
    other.button("Save").click()
    other.until(lambda: alice.call("users.get", user_ids=[bob.id])["users"][0]["name"] == "Robert")

    tab.page.reload()
    about = tab.about()
    expect(about).to_contain_text("on the hill")
    tab.box("Your name for this person").fill("Bobby")
    about.get_by_role("button", name="Add to contacts").click()
    expect(tab.row("Bobby")).to_be_visible()
    about.get_by_role("button", name="Block").click()
    tab.until(lambda: alice.call("contacts.blocked").get("user_ids") == [bob.id])
    about.get_by_role("button", name="Unblock").click()
    tab.until(lambda: not alice.call("contacts.blocked").get("user_ids"))


def test_devices_and_password(people: People) -> None:
    alice = people.account("Alice")
    tab, other = people.tab(alice, "/settings/sessions"), people.tab(alice)
    other.device.complaints.expect("status of 401", "WebSocket")
    expect(tab.page.get_by_text("This device")).to_be_visible()
    tab.button("Log out everywhere else").click()
    tab.dialog.get_by_role("button", name="Log out everywhere else").click()
    expect(other.button("Log in")).to_be_visible()


def test_german(people: People) -> None:
    """By the browser's language."""
    bob = people.account("Bob")
    tab = people.device(locale="de-DE").tab()
    page = tab.page
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_role("button", name="Konto anlegen").first.click()
    page.get_by_role("textbox", name="Benutzername", exact=True).fill(fresh("Anna"))
    page.get_by_role("textbox", name="Name", exact=True).fill("Anna")
    page.get_by_label("Passwort", exact=True).fill("ein langes Passwort")
    page.get_by_role("button", name="Konto anlegen").last.click()
    expect(page.get_by_role("list", name="Chats")).to_be_visible()
    page.get_by_role("button", name="Neuer Chat").first.click()
    page.get_by_role("textbox", name="Benutzername", exact=True).fill(bob.username)
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Nachricht", exact=True).fill("guten Tag")
    page.get_by_role("button", name="Senden", exact=True).click()
    expect(page.get_by_role("log", name="Nachrichten")).to_contain_text("guten Tag")


@pytest.mark.parametrize(("locale", "direction"), [("en-GB", "ltr"), ("ar", "rtl")])
def test_both_directions(people: People, locale: str, direction: str) -> None:
    """Scenario 22: each text runs as its script does, whatever direction the page has: in messages,
    quotes, the composer and the list."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    english, hebrew, _ = alice.send(chat_id, "hello, world", "שלום עולם", "مرحبا hello")
    bob.reply(chat_id, hebrew, "I answer this")
    bob.reply(chat_id, english, "אני עונה")
    tab = people.device(alice, locale=locale).tab(f"/c/{chat_id}")
    page, articles = tab.page, tab.page.get_by_role("article")
    expect(page.locator("html")).to_have_attribute("dir", direction)
    expect(articles).to_have_count(5)
    for number, texts in enumerate(
        (
            {"hello, world": "ltr"},
            {"שלום עולם": "rtl"},
            {"مرحبا hello": "rtl"},
            {"I answer this": "ltr", "שלום עולם": "rtl"},
            {"אני עונה": "rtl", "hello, world": "ltr"},
        )
    ):
        for text, runs in texts.items():
            assert runs_from(articles.nth(number).get_by_text(text)) == runs, text
    assert runs_from(page.get_by_role("listitem").get_by_text("אני עונה")) == "rtl"
    composer = page.get_by_role("textbox").last
    for text, runs in (("good morning", "ltr"), ("בוקר טוב", "rtl")):
        composer.fill(text)
        assert runs_from(composer) == runs


def runs_from(element: Locator) -> str:
    """In which direction its text runs."""
    return str(element.first.evaluate("element => getComputedStyle(element).direction"))
