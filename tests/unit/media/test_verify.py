"""Verification of what is stored about files: silent on what use leaves, and damage is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors import addresses
from actors.chat import state as c
from actors.file import turns as f
from actors.user import state as u
from actors.user import uploads as up
from actors.verify.report import Report
from actors.verify.walk import verify
from api import methods as m
from runtime.refs import KINDS, ActorRef
from runtime.rows import Table
from storage.keys import actor_prefix
from tests.unit.media.desk import Desk


class Used:
    """A desk after some use; its rows can be damaged."""

    def __init__(self) -> None:
        self.desk = desk = Desk()
        finished = desk.alice.upload(b"a file")
        desk.alice.send(desk.chat, finished.ticket)
        desk.alice.send(desk.chat, finished.ticket)
        desk.alice.call(m.BeginUpload(7, 5))
        desk.alice.put(7, 0, b"12345")
        desk.town.settle()
        self.user = addresses.user(desk.alice.caller.user_id)
        self.chat = addresses.chat(desk.chat)
        self.file = addresses.file(finished.media.file_id)
        self.sources = desk.town.stored()

    def verify(self) -> Report:
        return verify(self.desk.town.placement, self.sources)

    def change(self, ref: ActorRef, table: Table[Any, Any], key: Any, **changes: Any) -> None:
        """Change a row; drop it where nothing is said."""
        partition = self.desk.town.placement.partition(ref)
        host = self.desk.town.placement.host(partition)
        rows = dict(self.sources)[host].by_partition[partition]
        where = actor_prefix(KINDS[ref.kind], ref.key) + bytes([table.number])
        where += table.key.encode(key)
        raw = rows.pop(where)
        assert raw is not None
        if changes:
            rows[where] = msgspec.msgpack.encode(replace(table.decode(raw), **changes))


DAMAGES: dict[str, Callable[[Used], None]] = {
    "6 bytes of files are there, not 7": lambda d: d.change(d.user, u.HEAD, None, media_bytes=7),
    "12 bytes of files are there, not 5": lambda d: d.change(d.chat, c.HEAD, None, media_bytes=5),
    "part 0 is of no upload 7": lambda d: d.change(d.user, up.UPLOADS, 7),
    "3 references were counted, and 2 are there": lambda d: d.change(
        d.file, f.HEAD, None, references=3
    ),
    "knows of 1 uses by chat/": lambda d: d.change(
        d.file, f.REFERRERS, str(d.chat.key), references=1
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found(what: str) -> None:
    used = Used()
    assert used.verify().clean, used.verify().findings
    assert used.verify().counts["files"] == 1
    DAMAGES[what](used)
    assert what in "\n".join(map(str, used.verify().findings))
