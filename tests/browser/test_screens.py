"""Every screen: what axe finds, in both themes and directions and at two widths; and pictures for
whoever looks (`.venv/screens`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import inside
from tests.browser.account import Account, random_id
from tests.browser.conftest import KEPT, People
from tests.browser.device import DESKTOP, NARROW, PHONE, Screen
from tests.browser.pictures import landscape
from tests.browser.tab import Tab
from tests.integration.running import RunningServer
from tests.unit.look.samples import wav

pytestmark = pytest.mark.real

TITLE = "Mountain Club"


@dataclass
class Scene:
    """Somebody with chats of every kind, in the middle of some."""

    me: Account
    friend: Account
    private: str
    group: str


@pytest.fixture(scope="module")
def scene(browser: Browser, running: RunningServer) -> Iterator[Scene]:
    people = People(browser, running.url, "scene")
    me, anna, omar, mia, leo = (
        people.account(name) for name in ("Ada Lovelace", "Anna Berg", "عمر حسن", "Mia", "Leo Park")
    )
    leo.send(leo.private(me.id), "Thank you! 🙏")
    me.send(me.private(me.id), "Bread, butter, batteries")
    mia.send(mia.private(me.id), "See you at https://example.org/map?at=summit", "Bring a jacket")
    group = anna.group(TITLE, me, omar, mia)
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
    anna.send_file(private, "tune.wav", wav(3), "audio")
    gone = anna.send(private, "to be deleted")
    anna.call("messages.delete", chat_id=private, ids=gone, for_all=True)
    forwarded = {"from_chat_id": private, "ids": [first], "random_ids": [random_id()]}
    anna.call("messages.forward", to_chat_id=private, **forwarded)
    me.send(private, "😍", "What a day. I will write it down for the club, with all that we saw.")
    anna.call("messages.read", chat_id=private, max_id=sent)
    yield Scene(me, anna, private, group)
    people.close()


def until_in(account: Account, chat_id: str) -> None:
    """Who is invited joins after the group is there."""
    while chat_id not in account.unread():
        pass


@dataclass(frozen=True)
class Look:
    """How a screen is looked at. `axe`: by axe, too, which takes longest; both themes, both
    directions and both widths are."""

    name: str
    screen: Screen
    theme: str
    locale: str = "en-GB"
    axe: bool = True


LOOKS = (
    Look("desktop-light", DESKTOP, "light"),
    Look("desktop-rtl-dark", DESKTOP, "dark", "ar"),
    Look("narrow-dark", NARROW, "dark"),
    Look("narrow-rtl-light", NARROW, "light", "ar"),
    Look("desktop-dark", DESKTOP, "dark", axe=False),
    Look("phone-light", PHONE, "light", axe=False),
    Look("phone-dark", PHONE, "dark", axe=False),
    Look("phone-german", PHONE, "light", "de-DE", axe=False),
)

SETTINGS = (
    *("", "profile", "appearance", "notifications", "sessions"),
    *("password", "blocked", "shortcuts", "storage"),
)


class Seen:
    """Goes from screen to screen. In other languages nothing is found by its name, so all is found
    by its address, or by keys."""

    def __init__(self, tab: Tab, look: Look, scene: Scene) -> None:
        self.tab, self.page, self._look, self._scene = tab, tab.page, look, scene
        self.found: list[str] = []

    def all(self) -> None:
        for name, go in self._screens().items():
            go()
            self.looks_at(name)

    def _screens(self) -> dict[str, Callable[[], object]]:
        scene = self._scene
        overlays = {
            "new-chat": {"kind": "new-chat"},
            "new-group": {"kind": "new-group"},
            "contacts": {"kind": "contacts"},
            "keys": {"kind": "shortcuts"},
            "person": {"kind": "person", "userId": scene.friend.id},
            "group-info": {"kind": "chat-info", "chatId": scene.group},
        }
        screens: dict[str, Callable[[], object]] = {
            "list": lambda: self._at("/"),
            "chat": lambda: self._at(f"/c/{scene.private}"),
            "menu": self._menu,
            "group": lambda: self._at(f"/c/{scene.group}"),
        }
        for page in SETTINGS:
            path = f"/settings/{page}".rstrip("/")
            screens[path[1:].replace("/", "-")] = partial(self._at, path)
        for name, overlay in overlays.items():
            screens[name] = partial(self._over, overlay)
        return screens

    def _at(self, path: str) -> None:
        """Without loading the page anew: the client goes where its history says."""
        self._goes("path => history.pushState({depth: 1}, '', path)", path)

    def _over(self, overlay: dict[str, object]) -> None:
        self._goes("it => history.pushState({depth: 2, overlay: it}, '', location.href)", overlay)
        expect(self.page.get_by_role("dialog")).to_be_visible()

    def _goes(self, where: str, to: object) -> None:
        self.page.evaluate(where, to)
        self.page.evaluate("() => dispatchEvent(new PopStateEvent('popstate'))")

    def _menu(self) -> None:
        article = self.page.get_by_role("article").last
        article.click(button="right", position={"x": 5, "y": 5})
        expect(self.page.get_by_role("menu")).to_be_visible()

    def looks_at(self, name: str) -> None:
        inside.rests(self.page)
        self.page.screenshot(path=KEPT / f"{self._look.name}-{name}.png")
        # What lies over a page makes it inert: then a menu is all that there is.
        within = "[role=menu]" if name == "menu" else "html"
        if self._look.axe:
            self.found += [f"{name}: {each}" for each in inside.axe(self.page, within)]
        self.found += [f"{name}: nameless: {each}" for each in inside.nameless(self.page)]
        if not inside.fits(self.page):
            self.found.append(f"{name}: hangs out at the side")
        if name == "menu":
            self.page.keyboard.press("Escape")


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_every_screen(people: People, scene: Scene, look: Look) -> None:
    options = {"screen": look.screen, "color_scheme": look.theme, "locale": look.locale}
    login = people.device(**options).tab()
    expect(login.page.get_by_role("textbox").first).to_be_visible()
    seen = Seen(login, look, scene)
    seen.looks_at("login")
    tab = people.device(scene.me, **options).tab(f"/c/{scene.private}")
    expect(tab.page.get_by_role("article").last).to_be_visible()
    screens = Seen(tab, look, scene)
    screens.all()
    assert not seen.found + screens.found, "\n".join(seen.found + screens.found)
