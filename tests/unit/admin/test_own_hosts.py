"""Where a partition gets a host for itself, whatever was begun before, and what becomes of it in
backups."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import lmdb
import pytest

from actors.chat.state import MESSAGES
from heliograph.admin.own_hosts import Place, place
from heliograph.admin.restore_chat import restore_chat
from heliograph.admin.sources import _led, has_all_hosts, known_here
from heliograph.admin.stored import verify_folder
from runtime.placement import MOVED_BASE, own_host, place_of
from runtime.refs import KINDS
from runtime.replication.protocol import Mark, Seat, Unavailable
from storage.folder import Description
from storage.keys import actor_prefix, u64
from storage.layout import database_name
from storage.node_folder import Content
from storage.snapshot import Snapshot
from tests.unit.admin.restorable import Server
from tests.unit.admin.test_commands import admin

D = MOVED_BASE + 9
CLUSTER = Description(version=1, cluster_id="one", partitions=16, hosts=3, created_ms=0, copies=3)


class Cluster:
    """Nodes with a host each, and what has been settled about other hosts."""

    def __init__(self, nodes: str = "abc") -> None:
        self.nodes = {n: Content(CLUSTER, (f"host-{i}",)) for i, n in enumerate(nodes)}
        self.seats: dict[str, Seat] = {}
        self.settled: dict[str, str] = {}

    def mark(self, host: str, mark: Mark) -> None:
        self.seats[host] = Seat(host, "", mark=mark)

    def add(self, node: str, host: str) -> None:
        self.nodes[node] = Content(CLUSTER, (*self.nodes[node].hosts, host))

    def place(self, partition: int = D, members: Iterable[str] = ()) -> Place:
        def settle(host: str, node: str) -> str:
            return self.settled.setdefault(host, node)

        return place(partition, self.nodes, self.seats, tuple(members), settle)


def test_it_is_the_node_that_has_the_fewest_and_shall_not_be_stopped() -> None:
    cluster = Cluster()
    cluster.add("a", own_host(D + 1))
    assert cluster.place() == (own_host(D), "b")
    cluster.mark("host-1", "drained")
    assert cluster.place(D + 2) == (own_host(D + 2), "c")
    cluster.nodes["d"] = Content()
    assert cluster.place(D + 3) == (own_host(D + 3), "c"), "an unused node is of no cluster yet"


def test_it_stays_where_it_was_begun() -> None:
    cluster = Cluster()
    first = cluster.place()
    cluster.add(first.node, own_host(D + 1))
    assert cluster.place() == first, "broken off before there was a folder"
    cluster.settled.clear()
    cluster.add(first.node, own_host(D))
    assert cluster.place() == first, "the store was emptied"


def test_while_its_node_is_not_there_it_is_not_made_elsewhere() -> None:
    cluster = Cluster()
    host, node = cluster.place()
    there = cluster.nodes.pop(node)
    for members in ((), (host, "host-1", "host-2")):
        with pytest.raises(Unavailable, match=f"{host} lives on node {node}"):
            cluster.place(members=members)
    cluster.nodes[node] = there
    assert cluster.place() == (host, node)


def test_when_others_have_its_copy_there_is_a_second_one() -> None:
    cluster = Cluster()
    host, node = cluster.place()
    del cluster.nodes[node]
    second = cluster.place(members=("host-1", "host-2", "host-3"))
    assert second == (own_host(D, 2), "b")
    assert cluster.place(members=(own_host(D, 2), "host-1", "host-2")) == second
    cluster.nodes[node] = Content(CLUSTER, ("host-0", host))
    assert cluster.place(members=(own_host(D, 2), "host-1", "host-2")) == (host, node)


def test_where_there_is_no_node_for_it_that_is_told() -> None:
    cluster = Cluster("a")
    cluster.mark("host-0", "leaving")
    with pytest.raises(Unavailable, match="no node"):
        cluster.place()


# --- backups ------------------------------------------------------------------------------------


def rows_of(folder: Path, partition: int) -> dict[bytes, bytes | None]:
    with Snapshot(folder) as snapshot:
        return dict(snapshot.rows(partition))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A server with three copies, one chat of which has a host for itself."""
    made = Server(tmp_path)
    made.move(made.group)
    assert admin("backup", "--data", made.data, "--to", made.repo).exit_code == 0
    shutil.rmtree(made.data)
    done = admin("restore", "--from", made.repo, "--data", made.data, "--copies", 3)
    assert done.exit_code == 0, done.stderr
    return made


def test_it_leads_after_a_restore_and_is_in_a_backup(server: Server, tmp_path: Path) -> None:
    own = server.moved[server.group]
    config = known_here(server.data)[own]
    assert config.leader == config.members[0] == own_host(own)
    assert len(set(config.members)) == 3
    report = verify_folder(server.data)
    assert report.clean, report.findings
    assert report.counts["actors moved"] == 1
    repo, back = tmp_path / "second", tmp_path / "back"
    assert admin("backup", "--data", server.data, "--to", repo).exit_code == 0
    assert admin("restore", "--from", repo, "--data", back).exit_code == 0
    assert verify_folder(back).clean
    for host in config.members:
        folder = Path(host) / place_of(own)
        assert rows_of(back / folder, own) == rows_of(server.data / folder, own)
    assert has_all_hosts(back)
    shutil.rmtree(back / own_host(own))
    assert not has_all_hosts(back)


def test_without_it_there_is_no_backup(server: Server, tmp_path: Path) -> None:
    own = server.moved[server.group]
    for host in known_here(server.data)[own].members:
        shutil.rmtree(server.data / host / place_of(own))
    assert not verify_folder(server.data).clean
    result = admin("backup", "--data", server.data, "--to", tmp_path / "second")
    assert result.exit_code == 2
    assert "do not fit" in result.stderr


def test_what_is_lost_of_the_chat_is_brought_back(server: Server) -> None:
    own = server.moved[server.group]
    key = actor_prefix(KINDS["chat"], server.group) + bytes([MESSAGES.number]) + u64(3)
    folders = [server.data / h / place_of(own) for h in known_here(server.data)[own].members]
    whole = rows_of(folders[0], own)
    for folder in folders:
        with lmdb.open(str(folder / "rows"), max_dbs=16, map_size=1 << 26) as env:
            database = env.open_db(database_name(own), create=False)
            with env.begin(write=True) as txn:
                raw = bytearray(txn.get(key, db=database))
                raw[-1] ^= 1
                txn.put(key, bytes(raw), db=database)
    assert not verify_folder(server.data).clean
    assert restore_chat(server.repo, server.data, server.group, None).rows
    assert verify_folder(server.data).clean
    assert all(rows_of(folder, own) == whole for folder in folders)


def test_a_shard_that_nobody_leads_is_not_left_out_of_a_backup() -> None:
    row = {"shard": 1, "epoch": 3, "leader": "a", "members": ["a", "b"], "in_sync": ["a"]}
    led = _led([row | {"leading": True}, row | {"shard": D, "leading": False}])
    assert led.keys() == {1, D}
    assert (led[1].leader, led[1].in_sync) == ("a", ("a",))
    assert not led[D].in_sync
