"""A server with a backup, which has gone on since then."""

from __future__ import annotations

import itertools
from pathlib import Path

import lmdb

from actors import addresses
from api import methods as m
from heliograph.admin.mend import Mended
from heliograph.admin.restore_chat import restore_chat
from heliograph.admin.stored import placement_of, verify_folder
from runtime.messages import Dedicate
from runtime.placement import own_partition
from runtime.refs import KINDS, ActorRef
from storage.engine import LmdbStore
from storage.folder import DataFolder
from storage.keys import actor_prefix, prefix_end
from storage.layout import database_name
from storage.snapshot import Snapshot
from tests.unit.actors.town import Town
from tests.unit.admin.folders import checkpoint, media_actors
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
