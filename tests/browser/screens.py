"""From screen to screen, and what is found there. In other languages nothing is found by its name,
so all is found by its address, by keys, or by its class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser import flaws, inside
from tests.browser.account import Account
from tests.browser.conftest import KEPT
from tests.browser.device import Screen
from tests.browser.tab import Tab

Going = dict[str, Callable[[], object]]
"""How one gets to each screen, by name."""


SETTINGS = (
    *("profile", "appearance", "notifications", "sessions"),
    *("password", "blocked", "shortcuts", "storage"),
)


@dataclass(frozen=True)
class Look:
    """How screens are looked at. `axe`: by axe, too, which takes longest; both themes, both
    directions and both widths are. `states`: also what comes and goes on a screen."""

    name: str
    screen: Screen
    theme: str
    locale: str = "en-GB"
    axe: bool = True
    states: bool = False


@dataclass
class Scene:
    """Somebody with chats of every kind, in the middle of some."""

    me: Account
    friend: Account
    private: str
    group: str
    closed: str
    """With somebody who blocks."""
    empty: str
    """In which nothing was written."""
    files: tuple[Path, ...]
    """To attach."""


class Seen:
    """What a tab shows."""

    def __init__(self, tab: Tab, look: Look) -> None:
        self.tab, self.page, self._look = tab, tab.page, look
        self.found: list[str] = []

    def all(self, going: Going) -> None:
        for name, go in going.items():
            go()
            self.looks_at(name)

    def looks_at(self, name: str) -> None:
        inside.rests(self.page)
        self.page.screenshot(path=KEPT / f"{self._look.name}-{name}.png")
        # What lies over a page makes it inert: then a menu is all that there is.
        within = "[role=menu]" if name == "menu" else "html"
        wrong = {
            "axe": flaws.axe(self.page, within) if self._look.axe else [],
            "nameless": flaws.nameless(self.page),
            "hangs out at the side": flaws.hanging(self.page),
            "runs astray": flaws.astray(self.page),
            "cut off": flaws.cut_off(self.page),
        }
        self.found += [f"{name}: {how}: {what}" for how, whats in wrong.items() for what in whats]

    def at(self, path: str) -> None:
        """Without loading the page anew: the client goes where its history says."""
        self._goes("path => history.pushState({depth: 1}, '', path)", path)

    def over(self, overlay: dict[str, object]) -> None:
        self._goes("it => history.pushState({depth: 2, overlay: it}, '', location.href)", overlay)
        expect(self.page.get_by_role("dialog")).to_be_visible()

    def _goes(self, where: str, to: object) -> None:
        self.page.evaluate(where, to)
        self.page.evaluate("() => dispatchEvent(new PopStateEvent('popstate'))")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def shows(self, what: str) -> Locator:
        shown = self.page.locator(what).first
        expect(shown).to_be_visible()
        return shown


class Screens(Seen):
    """Of somebody who is logged in."""

    def __init__(self, tab: Tab, look: Look, scene: Scene) -> None:
        super().__init__(tab, look)
        self._scene = scene

    def pages(self) -> Going:
        scene = self._scene
        overlays: dict[str, dict[str, object]] = {
            "new-chat": {"kind": "new-chat"},
            "new-group": {"kind": "new-group"},
            "contacts": {"kind": "contacts"},
            "keys": {"kind": "shortcuts"},
            "person": {"kind": "person", "userId": scene.friend.id},
            "group-info": {"kind": "chat-info", "chatId": scene.group},
        }
        return {
            "list": lambda: self.at("/"),
            "chat": lambda: self.at(f"/c/{scene.private}"),
            "menu": self._menu,
            "group": self._group,
            "settings": lambda: self.at("/settings"),
            **{f"settings-{page}": partial(self.at, f"/settings/{page}") for page in SETTINGS},
            **{name: partial(self.over, overlay) for name, overlay in overlays.items()},
        }

    def states(self) -> Going:
        """What comes and goes on them. Each takes away what the one before has shown."""
        return {
            "found": self._search("bring"),
            "nothing-found": self._search("zzzzz"),
            "found-here": self._found_here,
            "emoji": self._emoji,
            "answer": self._on_last("r", ".composer-about"),
            "selection": self._on_last("x", ".selection-bar"),
            "forward": self._on_last("f", "[role=dialog]"),
            "delete": self._on_last("Delete", "[role=dialog]"),
            "attached": self._attached,
            "viewer": self._viewer,
            "player": self._player,
            "recording": self._recording,
            "refused": self._refused,
            "empty": self._empty,
            "offline": self._offline,
        }

    def _menu(self) -> None:
        article = self.page.get_by_role("article").last
        article.click(button="right", position={"x": 5, "y": 5})
        expect(self.page.get_by_role("menu")).to_be_visible()

    def _chat(self) -> None:
        self.at(f"/c/{self._scene.private}")
        self.shows(".composer textarea").focus()

    def _group(self) -> None:
        self.press("Escape")
        self.at(f"/c/{self._scene.group}")

    def _emoji(self) -> None:
        self.press("Escape")
        self._chat()
        self.press("Control+e")
        self.shows(".emoji-picker")

    def _on_last(self, key: str, what: str) -> Callable[[], None]:
        """A key for the last message, and what it brings."""

        def press() -> None:
            self.press("Escape")
            self.page.get_by_role("article").last.evaluate("article => article.focus()")
            self.press(key)
            self.shows(what)

        return press

    def _search(self, text: str) -> Callable[[], None]:
        def search() -> None:
            self.at("/")
            self.page.locator("#search").fill(text)
            self.shows(".results[aria-busy=false]")

        return search

    def _found_here(self) -> None:
        self.page.locator("#search").fill("")
        self._chat()
        self.press("Control+f")
        self.shows(".chat-search input").fill("the")
        self.shows(".chat-found button")

    def _attached(self) -> None:
        self.press("Escape")
        middle = self._look.screen.width - 100
        for kind in ("dragEnter", "dragOver", "drop"):
            inside.drag(self.page, kind, middle, 300, *self._scene.files)
        self.shows(".attached")

    def _viewer(self) -> None:
        self._group()
        self.shows(".picture-open").click()
        self.shows(".viewer")

    def _player(self) -> None:
        self.press("Escape")
        self._chat()
        self.shows(".audio-play").click()
        self.shows(".mini-player")

    def _recording(self) -> None:
        self.page.locator(".mini-player .icon-button").last.click()
        self.shows(".composer-send").click()
        self.shows(".recording-levels")

    def _refused(self) -> None:
        self.press("Escape")
        self.at(f"/c/{self._scene.closed}")
        self.shows(".composer textarea").fill("Are you there?")
        self.press("Control+Enter")
        self.shows(".failure")

    def _empty(self) -> None:
        self.at(f"/c/{self._scene.empty}")
        self.shows(".chat-who h2")

    def _offline(self) -> None:
        self.tab.device.cut()
        self.at("/")
        self.shows("[data-state=offline]")


class Entrance(Seen):
    """What somebody sees who is not logged in."""

    def pages(self) -> Going:
        return {"login": lambda: self.shows("form")}

    def states(self) -> Going:
        return {"login-wrong": self._wrong, "register": self._register}

    def _wrong(self) -> None:
        self.shows("form input").fill("nobody_at_all")
        self.press("Tab")
        self.page.keyboard.type("not the password")
        self.press("Enter")
        self.shows("[role=alert]")

    def _register(self) -> None:
        self.shows(".login-foot button").click()
        self.shows("form button[type=submit]").click()
        self.shows("[role=alert]")
