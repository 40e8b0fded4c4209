"""One chat brought back: what is lost comes from a backup, what is newer stays."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest

from actors import addresses
from actors.chat.state import (
    ALBUMS,
    EVENTS,
    HEAD,
    HIDDEN,
    MEMBERS,
    MESSAGES,
    PHOTO,
    SENDS,
    AlbumRow,
    Change,
    ChatHead,
    EventRow,
    HiddenRow,
    MemberRow,
    MessageRow,
    SendRow,
)
from actors.updates import DeletedEntry, DescribedEntry, MessageEntry, SaidEntry
from actors.user.state import MAILBOX
from api import methods as m
from api import types as t
from heliograph.admin.changes import Said, hidden_in, said_in, told_in
from heliograph.admin.chat_rows import ChatRows, read_rows, revision_of, shares_past
from heliograph.admin.mend import Mended, mend
from heliograph.admin.restore_chat import _rows, restore_chat
from heliograph.admin.stored import placement_of, verify_folder
from runtime.messages import Dedicate
from runtime.placement import own_partition
from runtime.refs import KINDS, ActorRef, Caller
from storage.backup.manifest import BackupError
from storage.backup.repository import Repository
from storage.engine import LmdbStore
from storage.folder import DataFolder
from storage.keys import actor_prefix, prefix_end, u64
from storage.layout import database_name
from storage.port import DataFolderError
from storage.snapshot import Snapshot
from tests.unit.actors.town import Town
from tests.unit.admin.conftest import checkpoint, media_actors
from tests.unit.admin.test_commands import admin

SEEDS = itertools.count(1)


class Server:
    """A data folder with a group of three and a private chat, backed up once, that went on since.
    Everything is in LMDB, where it can be damaged."""

    def __init__(self, path: Path) -> None:
        self.data, self.repo = path / "data", path / "repository"
        self.moved: dict[str, int] = {}
        DataFolder.open(self.data, partitions=8, hosts=2).close()
        media_actors(self.data, 2)
        town = self.open()
        self.alice, self.bob, self.carol = map(town.register, ("alice", "bobby", "carol"))
        made = town.call(self.alice, m.CreateGroup("First", 7, [self.bob.user_id]))
        self.group = made.id
        town.ask(addresses.user(self.bob.user_id), m.OpenPrivate(self.bob.user_id), self.alice)
        self.private = addresses.private_chat_id(self.alice.user_id, self.bob.user_id)
        for number in range(5):
            before = m.SendMessage(self.group, f"before {number}", 1 + number, album=7)
            town.call(self.alice, before)
            town.send(self.bob, self.private, f"before {number}")
        self.close(town)
        assert admin("backup", "--data", self.data, "--to", self.repo).exit_code == 0
        town = self.open()
        town.call(self.alice, m.AddMember(self.group, self.carol.user_id))
        town.call(self.alice, m.RenameGroup(self.group, "Second"))
        town.call(self.alice, m.SetAdmin(self.group, self.carol.user_id, True))
        town.call(self.bob, m.LeaveGroup(self.group))
        for number in range(5):
            town.send(self.carol, self.group, f"after {number}")
            town.send(self.alice, self.private, f"after {number}")
        self.close(town)
        assert verify_folder(self.data).clean

    def open(self) -> Town:
        self._stores = [
            LmdbStore(self.data / f"host-{host}", range(host, 8, 2), segment_bytes=1 << 16)
            for host in (0, 1)
        ]
        return Town(hosts=2, seed=next(SEEDS), stores=list(self._stores))

    def close(self, town: Town) -> None:
        town.settle()
        for store in self._stores:
            checkpoint(store)
            store.close()

    def move(self, chat_id: str, settle: bool = True) -> None:
        """Give a chat a partition of its own; without `settle`, only its way there is begun."""
        town, own = self.open(), own_partition(addresses.chat(chat_id))
        name = town.placement.host(own)
        town.stores[name] = LmdbStore(self.data / name, [own], segment_bytes=1 << 16)
        self._stores.append(town.stores[name])
        town.names.append(name)
        town.start(name)
        town.post(addresses.chat(chat_id), Dedicate())
        if not settle:
            town.commit(town.placement.home(addresses.chat(chat_id)))
            town.settle = lambda: None  # type: ignore[method-assign]
        else:
            self.moved[chat_id] = own
        self.close(town)

    def place(self, ref: ActorRef) -> tuple[Path, int, bytes]:
        placement = placement_of(DataFolder.look(self.data))
        if ref.key in self.moved:
            placement.learn(ref, self.moved[str(ref.key)])
        partition = placement.partition(ref)
        prefix = actor_prefix(KINDS[ref.kind], ref.key)
        return self.data / placement.host(partition), partition, prefix

    def rows(self, chat_id: str) -> dict[bytes, bytes | None]:
        folder, partition, prefix = self.place(addresses.chat(chat_id))
        with Snapshot(folder) as snapshot:
            rows = dict(snapshot.rows(partition))
        return {k: row for k, row in rows.items() if prefix <= k < prefix_end(prefix)}

    def damage(self, chat_id: str, table: int, *suffixes: bytes, drop: bool = False) -> None:
        folder, partition, prefix = self.place(addresses.chat(chat_id))
        with lmdb.open(str(folder / "rows"), max_dbs=16, map_size=1 << 26) as env:
            database = env.open_db(database_name(partition), create=False)
            with env.begin(write=True) as txn:
                for suffix in suffixes:
                    key = prefix + bytes([table]) + suffix
                    raw = bytearray(txn.get(key, db=database))
                    raw[-1] ^= 1
                    if drop:
                        txn.delete(key, db=database)
                    else:
                        txn.put(key, bytes(raw), db=database)

    def drop(self, ref: ActorRef, *tables: int) -> None:
        """All rows of these tables of an actor."""
        folder, partition, prefix = self.place(ref)
        with lmdb.open(str(folder / "rows"), max_dbs=16, map_size=1 << 26) as env:
            database = env.open_db(database_name(partition), create=False)
            with env.begin(write=True, db=database) as txn:
                keys = [key for key, _ in txn.cursor() if key.startswith(prefix)]
                for key in keys:
                    if key[len(prefix)] in tables:
                        txn.delete(key)

    def restore(self, chat_id: str) -> Mended:
        return restore_chat(self.repo, self.data, chat_id, None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(tmp_path_factory.mktemp("server"))


@pytest.fixture
def server(made: Server, tmp_path: Path) -> Server:
    """A copy that a test may damage."""
    copy = object.__new__(Server)
    copy.__dict__ |= made.__dict__
    copy.data, copy.repo = tmp_path / "data", tmp_path / "repository"
    copy.moved = {}
    shutil.copytree(made.data, copy.data)
    shutil.copytree(made.repo, copy.repo)
    return copy


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


# --- deciding ---------------------------------------------------------------------------------


def message(text: str) -> MessageRow:
    return MessageRow(1, 1, text)


def test_a_backup_of_another_past_is_not_used() -> None:
    """The server was brought back to before it; since then, the number means something else."""
    here = ChatRows(messages={1: message("a"), 2: message("b"), 3: None})
    assert shares_past(here, ChatRows(messages={1: message("a"), 3: message("c")}))
    assert shares_past(here, ChatRows())
    assert not shares_past(here, ChatRows(messages={2: message("other"), 3: message("c")}))


def test_each_message_is_taken_from_the_newest_backup_that_has_it() -> None:
    here = ChatRows(messages={1: None, 2: message("b"), 3: None, 4: None})
    newest = ChatRows(messages={1: None, 3: message("c")})
    older = ChatRows(messages={1: message("a")})
    mended = mend(here, [newest, older], 0)
    assert mended.messages == {1: message("a"), 3: message("c")}
    assert "message 4 is in no backup" in mended.lost


def _edited(row: MessageRow, pts: int, text: str) -> MessageRow:
    return msgspec.structs.replace(row, text=text, change=Change(pts, edited_ms=1))


def test_a_damaged_event_is_a_change_that_is_not_known() -> None:
    """Of which the row that a backup has may be older."""
    head = ChatHead("private", "", 1, last_id=1)
    backup = ChatRows(head, messages={1: message("a")})
    here = ChatRows(None, messages={1: None}, events={1: None})
    mended = mend(here, [backup], 1)
    assert mended.messages == {}
    assert "message 1 may have been deleted since the backup that has it" in mended.lost
    assert mended.events == {1: EventRow(0, 0, 0)}


def test_a_deletion_that_no_backup_explains_is_of_whose_send_it_was() -> None:
    here = ChatRows(
        ChatHead("private", "", 1, last_id=1, changes=1),
        messages={},
        sends={(7, 9): SendRow(1, 5)},
        events={1: EventRow(1, 1, 5, True)},
    )
    row = mend(here, [], 1).messages[1]
    assert (row.deleted, row.from_id, row.random_id) == (True, 7, 9)
    nobody = mend(ChatRows(here.head, events=here.events), [], 1).messages[1]
    assert (nobody.deleted, nobody.from_id) == (True, 0)
    backup = ChatRows(here.head, messages={1: message("a"), 2: message("b")})
    assert shares_past(ChatRows(messages={1: nobody, 2: None}), backup), "it may be that one"


def test_a_later_change_is_no_other_past() -> None:
    first = message("a")
    later = _edited(first, 3, "b")
    assert shares_past(ChatRows(messages={1: later}), ChatRows(messages={1: first}))
    assert not shares_past(ChatRows(messages={1: first}), ChatRows(messages={1: later}))
    other = msgspec.structs.replace(later, text="c")
    assert not shares_past(ChatRows(messages={1: later}), ChatRows(messages={1: other}))


def test_whoever_was_told_of_most_deletions_knows_which_were_which() -> None:
    entries = [DeletedEntry("g1", [2, 4], 0, 9), DeletedEntry("g1", [1, 2, 3, 4], 0, 9)]
    told = [change for entry in entries for change in told_in("g1", [entry])]
    assert told_in("g2", entries) == []
    here = ChatRows(ChatHead("group", "", 1, last_id=5, changes=4), messages={5: message("e")})
    for order in (told, told[::-1]):
        mended = mend(here, [], 5, order)
        assert {n: revision_of(row) for n, row in mended.messages.items()} == {
            1: 6,
            2: 7,
            3: 8,
            4: 9,
        }
        assert mended.events == {n: EventRow(n, 5, 0, True) for n in range(1, 5)}


def test_what_a_member_has_deleted_since_the_backup_is_known_to_their_mailbox() -> None:
    member = MemberRow("member", 1, 1)
    head = ChatHead("private", "", 1, last_id=2)
    rows = {1: message("a"), 2: message("b")}
    backup = ChatRows(head, {1: member}, rows)
    here = ChatRows(head, {1: None}, rows)
    assert hidden_in("p1-2", [DeletedEntry("p1-2", [2], 0), DeletedEntry("p1-2", [1], 0, 3)]) == {2}
    mended = mend(here, [backup], 2, (), [(1, 2)])
    assert mended.hidden == {(1, 2): HiddenRow(0)}
    assert mended.members[1].hidden == 1


def test_albums_count_what_is_there_and_those_that_are_sound_are_left_alone() -> None:
    """(Of one that was begun before albums were counted there is no row.)"""

    def of(album: int) -> MessageRow:
        return MessageRow(1, 1, "picture", album=album)

    sound = {1: of(6), 2: of(7), 3: of(7), 4: of(8)}
    counted = {(1, 7): AlbumRow(2), (1, 8): AlbumRow(1)}
    head = ChatHead("group", "Club", 1, last_id=4)

    def mended(**here: Any) -> dict[tuple[int, int], AlbumRow]:
        given: dict[str, Any] = {"head": head, "messages": sound, "albums": counted} | here
        return mend(ChatRows(**given), [ChatRows(head, messages={1: of(6)})], 4).albums

    assert mended() == {}
    assert mended(albums=counted | {(1, 8): None}) == {(1, 8): AlbumRow(1)}
    assert mended(messages=sound | {3: None}) == {(1, 7): AlbumRow(1)}, "lost for good"
    assert mended(messages=sound | {1: None}) == {(1, 6): AlbumRow(1)}, "it came back"


def test_a_damaged_picture_is_removed_and_told() -> None:
    """It may have been released since a backup; whoever cares sets another one."""
    prefix = actor_prefix(KINDS["chat"], "g1")
    key = prefix + bytes([PHOTO.number])
    whole = msgspec.msgpack.encode(t.Media("photo", "f" * 43, 5, "", "image/jpeg"))
    assert not read_rows([(key, whole)]).photo_damaged
    for damaged in (None, b"\x07"):
        here = read_rows([(key, damaged)])
        here.head = ChatHead("group", "Club", 1)
        mended = mend(here, [], 0)
        assert (mended.rows, mended.lost) == (1, ["the picture of the group: set it again"])
        assert _rows(prefix, mended) == {key: None}


def test_what_no_message_says_of_a_group_is_as_its_members_were_told() -> None:
    """By who was told all that came since the backup; else by who is in it for longest, and it is
    said that it may be older."""
    members = {n: MemberRow("member", 1, n, left_id=5 * (n == 1)) for n in (1, 2, 3, 4, 9)}
    head = ChatHead("group", "Club", 1, last_id=7, description="old", members_add=False)
    told = [
        DescribedEntry("g1", "new"),
        MessageEntry("g1", 7, 0),
        SaidEntry(t.ChatDescribed("g1", "newer")),
        SaidEntry(t.MemberRights("g1", True)),
        MessageEntry("g1", 8, 0),
        SaidEntry(t.MemberRights("g2", False)),
        DescribedEntry("g2", "another"),
    ]
    all_of_it, late, nothing = (said_in("g1", part) for part in (told, told[4:], told[5:]))
    first = said_in("g1", told[:2])

    def mended(backup: ChatHead | None, **said: Said) -> tuple[str, bool, int]:
        """`said`: by the number of the member, after a letter."""
        known = {int(name[1:]): one for name, one in said.items()}
        made = mend(ChatRows(), [ChatRows(backup, members=dict(members))], 0, said=known)
        assert made.head is not None
        return made.head.description, made.head.members_add, len(made.lost)

    assert mended(head, u1=first, u2=late, u3=all_of_it) == ("newer", True, 0)
    assert mended(head, u2=first, u3=late) == ("new", False, 0)
    assert mended(head, u1=all_of_it, u2=late) == ("old", False, 1), "who has left was told less"
    assert mended(head, u9=all_of_it, u2=late) == ("newer", True, 1), "who came back was not"
    assert mended(head, u3=nothing) == ("old", False, 1)
    assert mended(head) == ("old", False, 1)
    part = Said({t.ChatDescribed: t.ChatDescribed("g1", "lately")}, 8)
    assert mended(head, u2=part, u4=late) == ("lately", False, 1)
