"""What was deleted or edited since a backup does not come back with it, and is gone with the last
backup that has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors import addresses
from actors.chat.state import (
    EVENTS,
    HEAD,
    HIDDEN,
    MEMBERS,
    MESSAGES,
    SENDS,
)
from actors.user.state import MAILBOX
from api import methods as m
from heliograph.admin.chat_rows import read_rows
from heliograph.admin.stored import verify_folder
from storage.backup.repository import Repository
from storage.keys import u64
from tests.unit.admin.restorable import Server
from tests.unit.admin.test_commands import admin


def _change(server: Server) -> None:
    """After the backup: message 2 is deleted, 3 edited, 4 deleted by bob for himself."""
    town = server.open()
    town.call(server.alice, m.DeleteMessages(server.private, [2], True))
    town.call(server.bob, m.EditMessage(server.private, 3, "edited since"))
    town.call(server.bob, m.DeleteMessages(server.private, [4], False))
    server.close(town)
    assert verify_folder(server.data).clean


LEFT: dict[str, tuple[int, ...]] = {
    "all the rest": (),
    "no events": (EVENTS.number,),
    "no head": (HEAD.number,),
    "nothing of the chat": (
        *(HEAD.number, MEMBERS.number, MESSAGES.number),
        *(SENDS.number, EVENTS.number, HIDDEN.number),
    ),
}


@pytest.mark.parametrize("left", LEFT)
def test_what_was_changed_since_the_backup_does_not_come_back(server: Server, left: str) -> None:
    """A deletion comes back as one, an edit is told as lost, whatever else is lost."""
    _change(server)
    server.damage(server.private, MESSAGES.number, u64(2), u64(3), u64(4), u64(5), drop=True)
    server.drop(addresses.chat(server.private), *LEFT[left])
    mended = server.restore(server.private)
    row = mended.messages[2]
    assert row.deleted
    assert not row.text
    assert "message 3 was edited since the backup that has it" in mended.lost
    assert {mended.messages[number].text for number in (4, 5)} == {"before 3", "before 4"}
    assert 3 not in mended.messages
    findings = "\n".join(map(str, verify_folder(server.data).findings))
    assert "message 3 is missing" in findings
    rows = read_rows(server.rows(server.private).items())
    assert rows.head is not None
    assert (rows.head.changes, len(rows.events)) == (2, 2)
    town = server.open()
    page = town.call(server.bob, m.GetMessages(server.private, [2, 4]))
    assert [message.deleted for message in page.messages] == [True, True]
    server.close(town)


def test_what_may_have_been_changed_does_not_come_back(server: Server) -> None:
    """Neither the events nor the mailboxes of the members are there to say that it was not."""
    _change(server)
    server.damage(server.private, MESSAGES.number, u64(2), u64(5), drop=True)
    server.drop(addresses.chat(server.private), EVENTS.number)
    for person in (server.alice, server.bob):
        server.drop(addresses.user(person.user_id), MAILBOX.number)
    mended = server.restore(server.private)
    assert mended.messages == {}
    for number in (2, 5):
        words = f"message {number} may have been deleted since the backup that has it"
        assert words in mended.lost
    assert "of 2 changes of messages it is not known what they were" in mended.lost


def test_what_a_member_has_deleted_for_themselves_stays_so(server: Server) -> None:
    _change(server)
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    whole = server.rows(server.private)
    hidden = HIDDEN.key.encode((server.bob.user_id, 4))
    for drop in (False, True):
        server.damage(server.private, HIDDEN.number, hidden, drop=drop)
        assert server.restore(server.private).lost == []
        assert server.rows(server.private).keys() == whole.keys()
        assert verify_folder(server.data).clean


def test_a_whole_restore_says_how_many_deletions_it_undoes(server: Server, tmp_path: Path) -> None:
    moments = Repository.open(server.repo).moments()
    _change(server)
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    where = ("restore", "--from", server.repo, "--data")
    result = admin(*where, tmp_path / "then", "--at", moments[0])
    assert "back in it, as far as the newest backup knows: 1 message." in result.stdout
    told = json.loads(admin(*where, tmp_path / "now", "--json").stdout)
    assert told["deletions_undone"] == 0


def test_a_newest_backup_that_is_damaged_keeps_no_older_one_from_being_restored(
    server: Server, tmp_path: Path
) -> None:
    moments = Repository.open(server.repo).moments()
    _change(server)
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    newest = max((server.repo / "backups").iterdir())
    newest.write_bytes(newest.read_bytes()[:-9])
    new = tmp_path / "new"
    result = admin("restore", "--from", server.repo, "--data", new, "--at", moments[0])
    assert result.exit_code == 0
    assert "no newer backup can tell" in result.stdout
    assert verify_folder(new).clean


def test_what_was_deleted_is_gone_with_the_last_backup_that_has_it(
    server: Server, tmp_path: Path
) -> None:
    def has(text: bytes) -> bool:
        repository = Repository.open(server.repo)
        names = [path.name for path in repository.chunk_files()]
        return any(text in repository.read(name) for name in names)

    town = server.open()
    town.send(server.alice, server.private, "soon to be gone")
    server.close(town)
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    town = server.open()
    town.call(server.alice, m.DeleteMessages(server.private, [11], True))
    server.close(town)
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    whole = Repository.open(server.repo).moments()
    assert has(b"soon to be gone")
    refused = admin("backups", "--from", server.repo, "--keep", 0)
    assert refused.exit_code == 2
    done = admin("backups", "--from", server.repo, "--keep", 1)
    assert done.exit_code == 0
    assert "dropped 2 backups and" in done.stderr
    assert Repository.open(server.repo).moments() == whole[2:]
    assert has(b"after 1")
    assert not has(b"soon to be gone")
    assert admin("check", "--from", server.repo).exit_code == 0
    new = tmp_path / "new"
    assert admin("restore", "--from", server.repo, "--data", new).exit_code == 0
    assert verify_folder(new).clean
    again = admin("backups", "--from", server.repo, "--keep", 1)
    assert "dropped 0 backups and 0 chunks" in again.stderr


def test_nothing_is_dropped_where_it_is_not_known_what_is_needed(server: Server) -> None:
    assert admin("backup", "--data", server.data, "--to", server.repo).exit_code == 0
    repository = Repository.open(server.repo)
    newest = server.repo / "backups" / f"{repository.moments()[-1]:016d}.json"
    newest.write_bytes(newest.read_bytes()[:-5])
    files = repository.chunk_files()
    result = admin("backups", "--from", server.repo, "--keep", 1)
    assert result.exit_code == 2
    assert "nothing can be dropped" in result.stderr
    assert (len(repository.moments()), repository.chunk_files()) == (2, files)
