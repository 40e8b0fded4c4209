"""Figures that are no times: elements, nodes and heap, with very many chats and messages."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from api import types as t
from tests.browser import inside
from tests.browser.device import Device
from tests.browser.made_up import MadeUp, Mailbox, built, words
from tests.browser.tab import Tab

CHATS, LENGTH = 2_000, 100_000
ELEMENTS_MAX, NODES_MAX = 160, 2_500
HEAP_GROWTH_MAX = 5 * 2**20
SWITCHES = 1_000
UPDATES_PER_S, STREAM_S = 1_000, 30
OPENINGS = 20
KEYS = 20


@pytest.fixture
def made_up() -> Iterator[MadeUp]:
    built()
    with MadeUp(Mailbox(CHATS, LENGTH)).running() as served:
        yield served


@pytest.fixture
def tab(browser: Browser, made_up: MadeUp) -> Iterator[Tab]:
    device = Device(browser, made_up.url)
    tab = device.tab()
    tab.is_ready()
    yield tab
    assert not device.close()


def within_bounds(tab: Tab) -> None:
    elements = tab.log.get_by_role("article").count()
    nodes = tab.page.evaluate("() => document.getElementsByTagName('*').length")
    assert elements <= ELEMENTS_MAX
    assert nodes <= NODES_MAX


def test_a_hundred_thousand_messages(tab: Tab, made_up: MadeUp) -> None:
    """Up, through many pages; to places far away; and to the beginning."""
    chat_id = made_up.mailbox.chat_id(0)
    tab.open("Person 0000")
    expect(tab.message(words(LENGTH))).to_be_in_viewport()
    within_bounds(tab)
    for _ in range(12):
        before = inside.oldest(tab.log)
        while inside.oldest(tab.log) == before:
            tab.log.hover()
            tab.page.mouse.wheel(0, -3_000)
            inside.settles(tab.log)
            within_bounds(tab)
    for number in (50_000, 99_000, 1):
        tab.page.goto(f"/c/{chat_id}#m{number}")
        expect(tab.message(words(number))).to_be_in_viewport()
        within_bounds(tab)


def test_the_list_of_two_thousand(tab: Tab) -> None:
    expect(tab.row("Person 0000")).to_be_visible()
    nodes = tab.page.evaluate("() => document.getElementsByTagName('*').length")
    assert nodes <= NODES_MAX


def test_typing_costs_the_same_with_any_history_and_draft(tab: Tab) -> None:
    """Not in time, which nobody can say: in what is changed, laid out, and told to the worker."""
    costs = []
    for name, draft in (("Person 0001", ""), ("Person 0000", "a long draft " * 200)):
        tab.open(name)
        tab.composer.fill(draft)
        inside.settles(tab.log)
        tab.page.evaluate(inside.COUNT_CHANGES)
        for _ in range(KEYS):
            tab.composer.press("x")
            inside.next_frame(tab.page)
        costs.append(tab.page.evaluate("() => window.__changes()"))
    short, long = costs
    assert long <= short + KEYS, costs


@pytest.mark.soak
def test_a_thousand_switches(tab: Tab, made_up: MadeUp) -> None:
    def switch(times: int) -> None:
        for number in range(times):
            tab.open(f"Person {number % 10:04}")
            expect(tab.message(words(LENGTH if number % 10 == 0 else 1))).to_be_visible()

    switch(50)  # what is made once is there
    before = inside.counts(tab.page)
    switch(SWITCHES)
    after = inside.counts(tab.page)
    print({name: (before[name], after[name]) for name in ("Nodes", "JSHeapUsedSize")})
    assert after["Nodes"] <= before["Nodes"]
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] <= HEAP_GROWTH_MAX


@pytest.mark.soak
def test_a_thousand_updates_a_second(tab: Tab, made_up: MadeUp) -> None:
    """For half a minute, while somebody types; then what is kept is what is fetched afresh."""
    mailbox = made_up.mailbox
    chat_id = mailbox.chat_id(0)
    tab.open("Person 0000")
    expect(tab.message(words(LENGTH))).to_be_in_viewport()
    tab.page.evaluate(inside.OBSERVE_TASKS)
    tab.composer.focus()
    end_s = time.monotonic() + STREAM_S
    sent = keys = 0
    while (left_s := end_s - time.monotonic()) > 0:
        due = round((STREAM_S - left_s) * UPDATES_PER_S) - sent
        made_up.push(*(change(mailbox, sent + number) for number in range(due)))
        sent += due
        tab.page.keyboard.type("a")
        keys += 1
    tasks = tab.page.evaluate("() => window.__tasks()")
    painted_ms = [16] * (keys - len(tasks["keys"])) + tasks["keys"]
    p50, p99 = (painted_ms[math.ceil(keys * part) - 1] for part in (0.5, 0.99))
    print(f"{sent} updates; longest task {max([0, *tasks['long']])} ms")
    print(f"{keys} keys, painted after p50 {p50}, p99 {p99}, at most {painted_ms[-1]} ms")
    tab.until(lambda: made_up.acked == mailbox.pts)
    expect(tab.composer).to_have_value(re.compile("^a+$"))
    top = mailbox.dialogs[chat_id].message
    assert top is not None
    expect(tab.message(top.text)).to_be_visible()
    fresh = Device(tab.page.context.browser, made_up.url)  # type: ignore[arg-type]
    other = fresh.tab()
    other.is_ready()
    rows = other.chats.get_by_role("listitem").all_inner_texts()
    tab.until(lambda: tab.chats.get_by_role("listitem").all_inner_texts() == rows)
    assert not fresh.close()


def change(mailbox: Mailbox, number: int) -> t.Numbered:
    """Messages in several chats, and now and then a change of one."""
    chat_id = mailbox.chat_id(number * 7 % 20)
    if number % 10 == 0:
        return mailbox.edits(chat_id, mailbox.dialogs[chat_id].top_id, f"changed {number}")
    return mailbox.comes(chat_id, f"update {number}")


@pytest.mark.soak
def test_opened_without_a_connection(tab: Tab) -> None:
    """With two thousand chats, twenty times: how long until the list is there, which is printed."""
    tab.is_kept()
    tab.device.cut()
    tab.page.add_init_script(inside.NOTE_FIRST_ROW)
    took_ms = []
    for _ in range(OPENINGS):
        tab.page.reload(wait_until="commit")
        expect(tab.row("Person 0000")).to_be_visible()
        took_ms.append(tab.page.evaluate("() => window.__firstRow"))
    tab.device.network.mend()
    took_ms.sort()
    print(f"the list is there after {took_ms[OPENINGS // 2]:.0f} ms, p95 {took_ms[-2]:.0f} ms")
