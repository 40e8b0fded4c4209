"""Scenario 8: what is written without a connection is sent in order, once, whatever dies."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.account import Account
from tests.browser.complaints import UNREACHABLE
from tests.browser.conftest import People
from tests.browser.tab import Tab
from tests.integration.running import RunningServer

pytestmark = pytest.mark.real

WRITTEN = [f"written {number}" for number in range(1, 6)]


def two(people: People) -> tuple[Account, Account, str]:
    """They have met."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    alice.send(chat_id, "met")
    return alice, bob, chat_id


def arrived(tab: Tab, account: Account, chat_id: str, *texts: str) -> None:
    """They are with the server, in this order, once each, and shown so."""
    tab.until(lambda: account.texts(chat_id)[-len(texts) :] == list(texts))
    assert account.texts(chat_id).count(texts[0]) == 1
    for text in texts:
        tab.sees(text)
    shown = [text for each in tab.shown() for text in texts if text in each]
    assert shown == list(texts)


def test_written_without_a_connection(people: People) -> None:
    alice, bob, chat_id = two(people)
    tab, other = people.tab(alice), people.tab(bob)
    tab.open("Bob")
    other.open("Alice")
    tab.device.cut()
    for text in WRITTEN:
        tab.write(text)
    for text in WRITTEN:
        tab.sees(text)
    assert bob.texts(chat_id) == ["met"]
    tab.device.network.mend()
    arrived(tab, alice, chat_id, *WRITTEN)
    arrived(other, bob, chat_id, *WRITTEN)


def writing_cut_off(people: People) -> tuple[Tab, Account, str]:
    """Alice's tab, in which all is written and nothing is sent; and she; and the chat."""
    alice, _, chat_id = two(people)
    tab = people.tab(alice)
    tab.open("Bob")
    tab.is_kept()
    tab.device.cut()
    for text in WRITTEN:
        tab.write(text)
        tab.sees(text)
    return tab, alice, chat_id


def test_the_page_is_reloaded_before_it_is_sent(people: People) -> None:
    tab, alice, chat_id = writing_cut_off(people)
    tab.page.reload()  # the service worker has the page
    for text in WRITTEN:
        tab.sees(text)
    tab.device.network.mend()
    arrived(tab, alice, chat_id, *WRITTEN)


def test_the_tab_crashes_before_it_is_sent(people: People) -> None:
    tab, alice, chat_id = writing_cut_off(people)
    again = tab.device.crash(tab)
    again.device.network.mend()
    arrived(again, alice, chat_id, *WRITTEN)


def test_the_server_dies_while_somebody_writes(people: People, server: RunningServer) -> None:
    """Between a send and its answer, too: the answer to the first is lost on the way, so that it
    is sent a second time."""
    alice, bob, chat_id = two(people)
    tab = people.tab(alice)
    tab.open("Bob")
    tab.is_online()
    tab.device.complaints.expect(UNREACHABLE)
    with tab.device.network.answers_are_lost():
        tab.write(WRITTEN[0])
        tab.until(lambda: bob.texts(chat_id) == ["met", *WRITTEN[:1]])
        server.kill()
    for text in WRITTEN[1:]:
        tab.write(text)
        tab.sees(text)
    server.start()
    arrived(tab, alice, chat_id, *WRITTEN)
    assert bob.texts(chat_id) == ["met", *WRITTEN]


def test_an_attachment_is_resumed(people: People, picture: bytes) -> None:
    """Cut off in the middle of a file, and reloaded: it is one message in the end."""
    alice, bob, chat_id = two(people)
    tab = people.tab(alice)
    tab.open("Bob")
    tab.device.complaints.expect(UNREACHABLE)
    tab.device.network.slow(0.01, bytes_per_s=2_000_000)
    tab.attach({"name": "long.bin", "mimeType": "application/octet-stream", "buffer": picture * 40})
    tab.send_attached()
    expect(tab.log.get_by_role("progressbar")).to_be_visible()
    tab.device.network.cut()
    tab.page.reload()
    tab.device.network.mend()
    tab.until(lambda: len(bob.history(chat_id)) == 2)
    tab.sees("long.bin")
    expect(tab.log.get_by_role("progressbar")).to_have_count(0)
    assert bob.history(chat_id)[1]["media"]["size"] == 40 * len(picture)
