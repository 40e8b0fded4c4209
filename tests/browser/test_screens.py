"""Every screen: what axe finds, in both themes and directions and at two widths; and pictures for
whoever looks (`.venv/screens`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.account import random_id, until_in
from tests.browser.conftest import People
from tests.browser.device import DESKTOP, NARROW, PHONE
from tests.browser.pictures import landscape
from tests.browser.screens import Entrance, Look, Scene, Screens
from tests.integration.running import RunningServer
from tests.unit.look.samples import wav

pytestmark = pytest.mark.real

TITLE = "Mountain Club"
NAMES = ("Ada Lovelace", "Anna Berg", "عمر حسن", "Mia", "Leo Park")
LONG = "Maximiliana Bartholomea Featherstonehaugh-Cholmondeley"
"""Longer than there is room for."""


@pytest.fixture(scope="module")
def scene(
    browser: Browser, running: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    people = People(browser, running.url, "scene")
    me, anna, omar, mia, leo = (people.account(name) for name in NAMES)
    others = [people.account(name) for name in (LONG, "Ines", "Tom")]
    leo.send(leo.private(me.id), "Thank you! 🙏")
    leo.call("contacts.block", user_id=me.id)
    others[0].send(others[0].private(me.id), "W" * 80)
    me.send(me.private(me.id), "Bread, butter, batteries")
    mia.send(mia.private(me.id), "See you at https://example.org/map?at=summit", "Bring a jacket")
    group = anna.group(TITLE, me, omar, mia, *others)
    until_in(me, group)
    anna.send(group, "Who is coming on Saturday? The forecast is good until the afternoon.")
    omar.send(group, "أنا قادم إن شاء الله", "I can bring the rope")
    me.send(group, "Count me in")
    mia.send_file(group, "hut.jpg", landscape((1200, 900), 1), "photo", text="From the hut")
    private = me.private(anna.id)
    first = anna.send(private, "Have you seen the light on the ridge this morning?")[0]
    sent = me.send(private, "Yes! I took a picture")[0]
    me.call("messages.edit", chat_id=private, id=sent, text="Yes! I took some pictures 📷")
    for number in range(3):
        name = f"ridge {number}.jpg"
        me.send_file(private, name, landscape((1600, 1000), number), "photo", album=7)
    anna.reply(private, first, "It is the new mirror. They can read it from 40 km away.")
    anna.send_file(private, "timetable.pdf", b"%PDF-1.4" + bytes(90_000), "file")
    anna.send_file(private, "tune.wav", wav(30), "audio")
    gone = anna.send(private, "to be deleted")
    anna.call("messages.delete", chat_id=private, ids=gone, for_all=True)
    forwarded = {"from_chat_id": private, "ids": [first], "random_ids": [random_id()]}
    anna.call("messages.forward", to_chat_id=private, **forwarded)
    me.send(private, "😍", "What a day. I will write it down for the club, with all that we saw.")
    anna.call("messages.read", chat_id=private, max_id=sent)
    files = tmp_path_factory.mktemp("attached")
    (files / "ridge.jpg").write_bytes(landscape((800, 500)))
    (files / "hut.jpg").write_bytes(landscape((500, 800), 1))
    (files / f"{LONG}.pdf").write_bytes(bytes(90_000))
    closed, empty = me.private(leo.id), me.private(others[2].id)
    yield Scene(me, anna, private, group, closed, empty, tuple(sorted(files.iterdir())))
    people.close()


LOOKS = (
    Look("desktop-light", DESKTOP, "light", states=True),
    Look("desktop-rtl-dark", DESKTOP, "dark", "ar"),
    Look("narrow-dark", NARROW, "dark"),
    Look("narrow-rtl-light", NARROW, "light", "ar", states=True),
    Look("phone-dark", PHONE, "dark", axe=False, states=True),
    Look("narrow-german", NARROW, "light", "de-DE", axe=False),
)
BESIDE = (
    Look("desktop-dark", DESKTOP, "dark", axe=False),
    Look("phone-light", PHONE, "light", axe=False),
)
"""Their themes and widths are each in another one: in the soak."""


@pytest.mark.parametrize(
    "look",
    [*LOOKS, *(pytest.param(look, marks=pytest.mark.soak) for look in BESIDE)],
    ids=lambda look: look.name,
)
def test_every_screen(people: People, scene: Scene, look: Look) -> None:
    options: dict[str, Any] = {
        "screen": look.screen,
        "color_scheme": look.theme,
        "locale": look.locale,
    }
    entrance = Entrance(people.device(**options).tab(), look)
    entrance.all(entrance.pages())
    tab = people.device(scene.me, **options).tab(f"/c/{scene.private}")
    expect(tab.page.get_by_role("article").last).to_be_visible()
    screens = Screens(tab, look, scene)
    screens.all(screens.pages())
    if look.states:
        entrance.all(entrance.states())
        screens.press("Escape")
        screens.all(screens.states())
    found = entrance.found + screens.found
    assert not found, "\n".join(found)
