"""One walk as Orca speaks it: writes `docs/web-aloud.md`.

.venv/bin/python -m tests.browser.aloud
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.browser import desktop
from tests.browser.account import PASSWORD, Account, fresh, registered
from tests.browser.desktop import press, type_text
from tests.browser.test_keyboard import partner
from tests.browser.voice import Utterance, Voice
from tests.integration.running import ROOT, RunningServer

WRITTEN = ROOT / "docs" / "web-aloud.md"
STEPS_MAX = 30
INTRO = """# The web client, as Orca speaks it

One walk, written down by `.venv/bin/python -m tests.browser.aloud`: Orca and Chromium of Debian,
with real keys, on a screen that nobody sees. What Orca would say goes to a voice that writes it
down (`tests/browser/voice.py`). To be read after a change of what is said; on Debian it needs
`apt-get install {packages}`.

Before the dash is what was pressed, or what somebody else did; after it what was said, in its
order. What is ~~struck out~~ was cut off by what came next. Keys themselves are not said.
"""


class Walk:
    """Presses keys, and writes down what is said then."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self.lines: list[str] = []

    def part(self, title: str) -> None:
        self.lines += ["", f"## {title}", ""]
        print(f"\n## {title}\n", flush=True)

    def press(self, *keys: str, hears: str = "") -> str:
        names = " ".join(f"`{key}`" for key in keys)
        return self._note(names, lambda: press(*keys), hears)

    def type(self, text: str, hears: str = "") -> str:
        return self._note(f"types “{text}”", lambda: type_text(text), hears, silent=True)

    def meanwhile(self, what: str, act: Callable[[], object], hears: str = "") -> str:
        """Somebody else does something."""
        return self._note(f"*{what}*", act, hears)

    def each(self, key: str, times: int) -> None:
        for _ in range(times):
            self.press(key)

    def to(self, name: str, key: str = "Tab") -> None:
        """As often as it takes, until it is said."""
        for _ in range(STEPS_MAX):
            if name in self.press(key):
                return
        raise AssertionError(f"{name} is not on the way")

    def _note(
        self, what: str, act: Callable[[], object], hears: str, *, silent: bool = False
    ) -> str:
        since = len(self._voice.said)
        act()
        known = hears or silent
        said = self._voice.hears(hears, since) if known else self._voice.waits(since)
        self.lines.append(f"- {what} — {' · '.join(map(written, said)) or '(nothing)'}")
        print(self.lines[-1], flush=True)
        return " ".join(each.text for each in said)


def written(each: Utterance) -> str:
    return f"~~{each.text}~~" if each.cut else each.text


def register(walk: Walk, username: str) -> None:
    walk.part("Registering")
    walk.meanwhile("the page opens", lambda: None, hears="Heliograph")
    walk.to("Create account")
    walk.press("Return", hears="User name")
    walk.type(username)
    walk.to("Name ")
    walk.type("Alice")
    walk.to("Password")
    walk.type(PASSWORD)
    walk.press("Return", hears="New chat")


def write(walk: Walk, bob: Account) -> str:
    """The chat in which they are."""
    walk.part("Writing to somebody")
    walk.press("Return", hears="User name")
    walk.type(bob.username)
    walk.press("Return", hears="Bob")
    walk.type("hello Bob")
    walk.press("Return", hears="Sent")
    (chat_id,) = bob.unread()
    walk.meanwhile("Bob answers", lambda: bob.send(chat_id, "hello Alice"), hears="hello Alice")
    walk.meanwhile("Bob writes more", lambda: bob.send(chat_id, "how are you?"), hears="how are")
    return chat_id


def read(walk: Walk, bob: Account, chat_id: str) -> None:
    walk.part("Reading line by line (browse mode)")
    walk.to("Messages", "shift+Tab")
    walk.each("Down", 4)
    walk.part("Reading message by message (focus mode), and an answer")
    walk.press("Insert+a", "Insert+a", hears="sticky")
    walk.to("Messages", "shift+Tab")
    walk.press("End")
    walk.each("Up", 2)
    walk.press("Down")
    walk.press("r", hears="Reply")
    walk.type("hello again")
    walk.press("Return", hears="Sent")
    mine = bob.history(chat_id)[-1]["id"]
    walk.meanwhile("Bob reads it", lambda: bob.call("messages.read", chat_id=chat_id, max_id=mine))


def do(walk: Walk) -> None:
    walk.part("The menu of a message")
    walk.to("Messages", "shift+Tab")
    walk.press("End")
    walk.press("Return", hears="menu")
    walk.each("Down", 6)
    walk.press("Escape", hears="hello again")
    walk.part("Deleting, and not")
    walk.press("Delete", hears="Delete this message?")
    walk.press("shift+Tab")
    walk.to("Delete")
    walk.press("Return", hears="Message deleted")
    walk.press("ctrl+z", hears="Undone")
    walk.press("Up")


def find(walk: Walk, carol: Account, chat_id: str) -> None:
    walk.part("Another chat, and a search")
    walk.meanwhile("Carol writes", lambda: carol.send(chat_id, "me too"))
    walk.press("ctrl+k", hears="Search")
    walk.press("Down")
    walk.press("Up", hears="1 unread message")
    walk.press("Return", hears="Message entry")
    walk.press("ctrl+k", hears="Search")
    walk.type("again", hears="1 result")
    walk.press("Down", hears="hello again")
    walk.press("Return", hears="Message entry")


def leave(walk: Walk) -> None:
    walk.part("Settings, and logging out")
    walk.press("ctrl+comma", hears="Settings")
    walk.to("Appearance")
    walk.press("Return", hears="Language")
    walk.press("Tab")
    walk.to("Log out", "shift+Tab")
    walk.press("Return", hears="Log out?")
    walk.to("Log out")
    walk.press("Return")
    walk.press("Tab")


def walk_through(walk: Walk, url: str) -> None:
    """Alice, by keyboard alone; Bob and Carol write to her."""
    bob, carol = registered(url, "Bob"), registered(url, "Carol")
    register(walk, fresh("Alice"))
    chat_id = write(walk, bob)
    read(walk, bob, chat_id)
    do(walk)
    find(walk, carol, carol.private(partner(bob, chat_id)))
    leave(walk)


def main() -> None:
    if not desktop.is_here():
        sys.exit(desktop.enter(sys.executable, "-m", "tests.browser.aloud", *sys.argv[1:]))
    with tempfile.TemporaryDirectory() as folder:
        server = RunningServer(Path(folder) / "data")
        try:
            server.start()
            with desktop.running(Path(folder) / "desktop", server.url) as voice:
                walked = Walk(voice)
                walk_through(walked, server.url)
        finally:
            if server.is_running:
                server.stop()
    WRITTEN.write_text(INTRO.format(packages=desktop.PACKAGES) + "\n".join(walked.lines) + "\n")


if __name__ == "__main__":
    main()
