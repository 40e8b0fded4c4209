"""The pictures of the README: `python -m tests.browser.readme_pictures` makes them anew.

A few friends, with a server and a browser of their own. What they write, their pictures and the
times that are shown are always the same; what is not (a user's colour) stands behind pictures.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium, inside
from tests.browser.account import Account, random_id, until_in
from tests.browser.conftest import People
from tests.browser.device import DESKTOP, PHONE, Screen
from tests.browser.pictures import landscape, portrait
from tests.integration.running import ROOT, RunningServer

FOLDER = ROOT / "docs" / "pictures"
NAMES = ("Clara Winter", "Anna Berg", "عمر حسن", "Mia Lindqvist", "Leo Park")
FACES = (0, 2, 1, 4, 3)
SHOW_TIMES = """times => {
  const given = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format').get;
  Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', {
    get() { const format = given.call(this); return ms => format(times[ms] ?? ms); },
  });
}"""
"""The page shows other times than those at which the messages were sent."""


class Story:
    """What was said when, in minutes after midnight, by the moment at which the server took it."""

    def __init__(self, people: People) -> None:
        self.times: dict[int, int] = {}
        self.me, *self.others = (people.account(name) for name in NAMES)
        for number, each in zip(FACES, (self.me, *self.others), strict=True):
            ticket = each.upload("me.jpg", portrait(320, number), "photo")
            each.call("users.set_photo", media=ticket)
        anna, omar, mia, leo = self.others
        self._saved()
        self._family(leo, mia)
        self._leo(leo)
        self.anna = self._anna(anna)
        self.club = self._club(anna, omar, mia, leo)

    def _at(self, time: str, who: Account, chat_id: str, text: str = "", **more: object) -> int:
        """A message. `more`: what goes with it, as `media` or `reply_to`."""
        params = {"chat_id": chat_id, "text": text, "random_id": random_id(), **more}
        sent = who.call("messages.send", **params)
        hours, minutes = map(int, time.split(":"))
        self.times[sent["date_ms"]] = (hours * 60 + minutes) * 60_000
        return int(sent["id"])

    def _saved(self) -> None:
        self._at("6:50", self.me, self.me.private(self.me.id), "Bread, butter, batteries")

    def _family(self, leo: Account, mia: Account) -> None:
        group = leo.group("Choir", self.me, mia)
        until_in(self.me, group)
        picture = leo.upload("choir.jpg", landscape((320, 320), 4), "photo")
        leo.call("chats.set_photo", chat_id=group, media=picture)
        first = self._at("7:31", mia, group, "Who has the notes for Thursday?")
        self._at("7:35", leo, group, "All in the folder, also the alto part")
        self.me.call("messages.read", chat_id=group, max_id=first - 1)

    def _leo(self, leo: Account) -> None:
        chat = leo.private(self.me.id)
        self._at("7:40", leo, chat, "You left your gloves in the car 🧤")
        self._at("7:41", leo, chat, "I will bring them on Saturday")

    def _anna(self, anna: Account) -> str:
        me, chat = self.me, self.me.private(anna.id)
        self._at("7:52", anna, chat, "Have you seen the light on the ridge this morning?")
        self._at("7:54", me, chat, "Yes! I was up there before sunrise 📷")
        for number in (0, 2):
            ticket = me.upload(f"{number}.jpg", landscape((1200, 1200), number), "photo")
            last = self._at("7:55", me, chat, media=ticket, album=7)
        self._at("8:01", anna, chat, "This one is going on my wall.", reply_to=last)
        last = self._at("8:04", me, chat, "I will print it for you")
        self._at("8:06", anna, chat, "😍")
        anna.call("messages.read", chat_id=chat, max_id=last)
        me.call("messages.read", chat_id=chat, max_id=last + 1)
        return chat

    def _club(self, anna: Account, omar: Account, mia: Account, leo: Account) -> str:
        me = self.me
        club = anna.group("Mountain Club", me, omar, mia, leo)
        until_in(me, club)
        picture = anna.upload("club.jpg", landscape((640, 640), 5), "photo")
        anna.call("chats.set_photo", chat_id=club, media=picture)
        text = "Who is coming up to the hut on Saturday? The forecast is good until the afternoon."
        asked = self._at("8:10", anna, club, text)
        self._at("8:12", omar, club, "أنا قادم إن شاء الله")
        self._at("8:12", omar, club, "I can bring the long rope")
        self._at("8:15", me, club, "Count me in 🙌")
        hut = mia.upload("hut.jpg", landscape((1200, 857), 1), "photo")
        self._at("8:20", mia, club, "From the hut, a minute ago", media=hut)
        self._at("8:22", leo, club, "Me too. At six, from the station?", reply_to=asked)
        last = self._at("8:23", me, club, "Six it is. I will bring coffee for everybody ☕")
        for each in (me, *self.others):
            each.call("messages.read", chat_id=club, max_id=last)
        return club


def keep(page: Page, name: str) -> None:
    inside.rests(page)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(FOLDER / f"web-{name}.png", optimize=True)


def make(browser: Browser, url: str) -> None:
    people = People(browser, url, "readme")
    story = Story(people)
    people.tab(story.others[0]).is_online()  # so that she is seen to be

    def shown(name: str, path: str, screen: Screen, theme: str) -> None:
        options: dict[str, Any] = {"screen": screen, "color_scheme": theme, "timezone_id": "UTC"}
        device = people.device(story.me, **options)
        device.context.add_init_script(f"({SHOW_TIMES})({story.times})")
        tab = device.tab(path)
        tab.is_ready()
        if path != "/":
            expect(tab.articles.last).to_be_in_viewport()
            tab.page.evaluate("() => document.activeElement?.blur()")
        keep(tab.page, name)

    shown("desktop-light", f"/c/{story.anna}", DESKTOP, "light")
    shown("phone-dark", "/", PHONE, "dark")
    shown("desktop-dark", f"/c/{story.club}", DESKTOP, "dark")
    shown("phone-light", f"/c/{story.anna}", PHONE, "light")
    complaints = people.close()
    assert not complaints, "\n".join(complaints)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium.running() as browser:
        server = RunningServer(Path(folder) / "data").start()
        try:
            make(browser, server.url)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
