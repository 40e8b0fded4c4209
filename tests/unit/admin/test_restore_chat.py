"""One chat brought back: what is lost comes from a backup, what is newer stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from actors.chat.state import (
    ALBUMS,
    HEAD,
    MEMBERS,
    MESSAGES,
    SENDS,
)
from heliograph.admin.chat_rows import read_rows
from heliograph.admin.stored import verify_folder
from runtime.refs import Caller
from storage.backup.manifest import BackupError
from storage.backup.repository import Repository
from storage.folder import DataFolder
from storage.keys import u64
from storage.port import DataFolderError
from tests.unit.admin.restorable import Server
from tests.unit.admin.test_commands import admin

Damage = Callable[[Server], None]
DAMAGES: dict[str, Damage] = {
    "nothing": lambda s: None,
    "messages": lambda s: s.damage(s.group, MESSAGES.number, u64(2), u64(4)),
    "messages dropped": lambda s: s.damage(s.group, MESSAGES.number, u64(3), drop=True),
    "the head": lambda s: s.damage(s.group, HEAD.number, b""),
    "the head dropped": lambda s: s.damage(s.group, HEAD.number, b"", drop=True),
    "members": lambda s: s.damage(
        s.group, MEMBERS.number, *(u64(c.user_id) for c in (s.alice, s.bob, s.carol))
    ),
    "members dropped": lambda s: s.damage(
        s.group, MEMBERS.number, u64(s.bob.user_id), u64(s.carol.user_id), drop=True
    ),
    "an album": lambda s: s.damage(s.group, ALBUMS.number, ALBUMS.key.encode((s.alice.user_id, 7))),
    "all at once": lambda s: (
        [  # type: ignore[dict-item, return-value]
            DAMAGES[what](s) for what in ("messages", "the head", "members", "an album")
        ]
        and None
    ),
}


@pytest.mark.parametrize("moved", [False, True], ids=["pooled", "moved"])
@pytest.mark.parametrize("what", DAMAGES)
def test_a_chat_is_as_it_was(server: Server, what: str, moved: bool) -> None:
    """To the last row, although it has gone on since the backup, and may be elsewhere now."""
    if moved:
        server.move(server.group)
    whole = {chat: server.rows(chat) for chat in (server.group, server.private)}
    DAMAGES[what](server)
    assert verify_folder(server.data).clean == (what == "nothing")
    mended = server.restore(server.group)
    assert not mended.lost
    assert (mended.rows > 0) == (what != "nothing")
    report = verify_folder(server.data)
    assert report.clean, report.findings
    assert server.rows(server.private) == whole[server.private]
    restored = server.rows(server.group)
    if "members" in what or "all" in what:  # marks may be older
        assert restored.keys() == whole[server.group].keys()
    else:
        assert restored == whole[server.group]
    rows = read_rows(restored.items())
    assert rows.head is not None
    assert rows.head.title == "Second"
    roles = {u: (row.role, bool(row.left_id)) for u, row in rows.members.items() if row}
    assert roles == {
        server.alice.user_id: ("owner", False),
        server.bob.user_id: ("member", True),
        server.carol.user_id: ("admin", False),
    }
    assert server.restore(server.group).rows == 0


def test_a_chat_that_is_on_its_way_is_let_arrive_first(server: Server) -> None:
    server.move(server.group, settle=False)
    assert verify_folder(server.data).clean
    with pytest.raises(BackupError, match="on its way"):
        server.restore(server.group)
    server.move(server.group)
    assert server.restore(server.group).rows == 0


def test_a_private_chat_goes_on_with_ids_that_nobody_has_seen(server: Server) -> None:
    """Although its head and its latest messages are lost, which are newer than the backup."""
    last = [u64(number) for number in range(8, 11)]
    sends = read_rows(server.rows(server.private).items()).sends
    late = [SENDS.key.encode(s) for s, row in sends.items() if row and row.message_id >= 8]
    server.damage(server.private, MESSAGES.number, *last, drop=True)
    server.damage(server.private, SENDS.number, *late, drop=True)
    server.damage(server.private, HEAD.number, b"", drop=True)
    result = admin(
        *("restore", "--chat", server.private, "--from", server.repo, "--data", server.data)
    )
    assert result.exit_code == 1
    assert "message 9 is in no backup" in result.stdout
    town = server.open()
    sent = town.send(server.alice, server.private, "goes on")
    assert sent.id == 11
    server.close(town)


def test_what_was_undone_by_a_restore_does_not_come_back(server: Server) -> None:
    """A backup of the time after the moment to which the server was brought back holds another
    message of the same number."""
    moments = Repository.open(server.repo).moments()
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    shutil.rmtree(server.data)
    where = ("--from", server.repo, "--data", server.data, "--at", moments[0])
    assert admin("restore", *where).exit_code == 0
    town = server.open()
    for number in range(5):
        town.send(server.alice, server.private, f"other {number}")
    server.close(town)
    server.damage(server.private, MESSAGES.number, u64(2), u64(8))
    mended = server.restore(server.private)
    assert mended.messages.keys() == {2}
    assert mended.lost == ["message 8 is in no backup"]


def test_what_a_repeated_send_finds_is_brought_back(server: Server) -> None:
    rows = read_rows(server.rows(server.private).items())
    (send, *_) = rows.sends
    suffix = SENDS.key.encode(send)
    server.damage(server.private, SENDS.number, suffix)
    assert server.restore(server.private).rows == 1
    town = server.open()
    again = town.send(Caller(send[0], 1), server.private, "before 0", send[1])
    row = rows.sends[send]
    assert row is not None
    assert again.id == row.message_id
    server.close(town)
    assert verify_folder(server.data).clean


def test_a_server_that_runs_is_left_alone(server: Server) -> None:
    folder = DataFolder.open(server.data, partitions=8)
    with pytest.raises(DataFolderError, match="is in use by process"):
        server.restore(server.group)
    folder.close()


def test_what_cannot_be_done_is_told(server: Server) -> None:
    def refused(chat: str, *more: object) -> str:
        where = ("--from", server.repo, "--data", server.data)
        result = admin("restore", "--chat", chat, *where, *more)
        assert result.exit_code == 2
        return result.stderr

    assert "there is no chat g1" in refused("g1")
    assert "oldest backup" in refused(server.group, "--at", "2001-01-01")
    about = server.data / "heliograph.json"
    told = json.loads(about.read_text())
    about.write_text(json.dumps(told | {"cluster_id": "another"}))
    assert "of another server" in refused(server.group)
