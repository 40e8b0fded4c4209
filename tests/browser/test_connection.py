"""Scenarios 8, 15 and 16: networks that go, sleep, and servers that are upgraded."""

from __future__ import annotations

import socket
import time

import pytest
from playwright.sync_api import expect

from tests.browser import inside
from tests.browser.complaints import UNREACHABLE
from tests.browser.conftest import People
from tests.integration.running import RunningServer

pytestmark = pytest.mark.real


@pytest.mark.parametrize("event", ["visible", "online"])
def test_awake_with_a_dead_socket(people: People, server: RunningServer, event: str) -> None:
    """The machine slept, and nobody has told it that its connection is gone."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    tab = people.tab(alice, f"/c/{chat_id}")
    tab.device.complaints.expect(UNREACHABLE)
    tab.is_online()
    inside.hide(tab.page)
    tab.device.network.lose()
    bob.send(chat_id, "while it slept")
    begun_s = time.monotonic()
    if event == "online":
        tab.page.evaluate("() => dispatchEvent(new Event('online'))")
    inside.show(tab.page)
    tab.sees("while it slept")
    print(f"awake: live after {time.monotonic() - begun_s:.1f} s")
    tab.is_online()


def test_it_says_how_it_stands(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    alice.send(alice.private(bob.id), "met")
    tab = people.tab(alice)
    tab.is_online()
    tab.is_kept()
    tab.device.cut()
    tab.is_offline()
    tab.open("Bob")  # all is there
    tab.device.network.mend()
    tab.is_online()


def test_all_parts_are_there_before_they_are_shown(people: People) -> None:
    """Where the browser keeps nothing, or nothing yet: the connection goes soon after the first
    visit."""
    alice, bob = people.account("Alice"), people.account("Bob")
    alice.send(alice.private(bob.id), "met")
    device = people.device(alice, service_workers="block")
    device.complaints.expect("registration blocked")
    tab = device.tab()
    tab.is_online()
    has = "() => performance.getEntriesByType('resource').map(({name}) => name).join(' ')"
    parts = ("ChatView", "settings", "overlays", "search", "attach_dialog", "viewer")
    tab.until(lambda: all(f"/{part}-" in tab.page.evaluate(has) for part in parts))
    tab.page.wait_for_load_state("networkidle")
    tab.device.cut()
    tab.is_offline()
    tab.open("Bob")
    tab.write("written without a connection")
    tab.sees("written without a connection")
    tab.about()
    tab.close_dialogs()
    tab.page.get_by_role("link", name="Settings").click()
    expect(tab.page.get_by_role("heading", name="Settings", level=2)).to_be_visible()
    tab.page.get_by_role("textbox", name="Search").fill("Bob")
    found = tab.page.get_by_role("region", name="Search results")
    expect(found.get_by_role("link")).to_have_count(1)


def test_a_slow_network(people: People) -> None:
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    device = people.device(alice)
    device.network.slow(0.3, bytes_per_s=200_000)
    tab = device.tab(f"/c/{chat_id}")
    tab.write("slowly")
    tab.sees("slowly")
    tab.until(lambda: bob.texts(chat_id) == ["slowly"])


def test_plain_http_in_a_local_network(people: People, server: RunningServer) -> None:
    """Browsers allow less there: it works, and says what is missing."""
    alice, bob = people.account("Alice"), people.account("Bob")
    chat_id = alice.private(bob.id)
    alice.send(chat_id, "met")
    name = f"{socket.gethostname().partition('.')[0]}.local"
    device = people.device(url=f"http://{name}:{server.port}", names={name: "127.0.0.1"})
    device.complaints.expect("Cross-Origin-Opener-Policy")  # which insecure pages cannot have
    tab = device.tab()
    assert tab.page.evaluate("() => isSecureContext") is False
    tab.log_in(alice.username)
    expect(tab.page.get_by_role("note").get_by_text("not secure")).to_be_visible()
    tab.open("Bob")
    tab.write("from the kitchen")
    tab.sees("from the kitchen")
    bob.send(chat_id, "from the garden")
    tab.sees("from the garden")
    assert bob.texts(chat_id)[1:] == ["from the kitchen", "from the garden"]
