"""Every screen: what axe finds, in both themes and directions and at two widths; and pictures for
whoever looks (`.venv/screens`)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.browser.account import Account
from tests.browser.conftest import People
from tests.browser.made_up import words
from tests.unit.look.samples import wav

pytestmark = pytest.mark.real

TITLE = "Mountain Club"


@dataclass
class Scene:
    """What the pictures show: somebody with chats of every kind, in the middle of one."""

    me: Account
    private: str
    group: str
    friend: Account


@pytest.fixture(scope="module")
def scene(crowd: People, photograph: bytes) -> Scene:
    me, anna, omar, mia = (
        crowd.account(name) for name in ("Ada Lovelace", "Anna Berg", "عمر حسن", "Mia")
    )
    group = anna.group(TITLE, me, omar, mia)
    anna.send(group, "Who is coming on Saturday? The forecast is good until the afternoon.")
    omar.send(group, "أنا قادم إن شاء الله", "I can bring the rope")
    private = me.private(anna.id)
    first = anna.send(private, "Have you seen the light on the ridge this morning?")[0]
    me.send(private, "Yes! I took a picture 📷")
    me.send_file(private, "ridge.jpg", photograph, "photo")
    anna.reply(private, first, "It is the new mirror. They can be read from 40 km now.")
    anna.send_file(private, "timetable.pdf", b"%PDF-1.4" + bytes(90_000), "file")
    anna.send_file(private, "tune.wav", wav(3), "audio")
    me.send(private, "😍", *(words(number) for number in range(3, 6)))
    me.call("messages.read", chat_id=private, max_id=len(me.history(private)))
    mia.send(mia.private(me.id), "see you at https://example.org/map?at=summit")
    saved = me.private(me.id)
    me.send(saved, "Bread, butter, batteries")
    return Scene(me, private, group, anna)
