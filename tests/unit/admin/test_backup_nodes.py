"""Backups on a cluster of more nodes than copies: what is not here is read on other nodes."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from api.files import chunk_hash
from heliograph.admin import backup as backing
from heliograph.admin import live, reader, remote
from heliograph.admin.reader import Reader, Reading, Unsettled
from heliograph.admin.stores import Node, Stores
from runtime.placement import place_of
from runtime.replication.protocol import Configuration, encode
from shells import registry
from shells.settings import Settings
from storage import node_folder
from storage.backup.chunks import Cut, Row
from storage.backup.index import held_in
from storage.backup.manifest import BackupError
from storage.backup.repository import Repository
from storage.chunks import ChunkStore
from storage.engine import LmdbStore
from storage.folder import VERSION, Description, HostFolder
from storage.port import CorruptLog, StorageFailed
from storage.replica import LmdbReplica, encode_record
from tests.unit.admin.folders import checkpoint
from tests.unit.storage.test_backup import numbered

HOSTS = ("host-0", "host-1", "host-2")
ROWS = 8_000


def config(partition: int, epoch: int, leader: int, *others: int) -> Configuration:
    hosts = tuple(f"host-{number}" for number in (leader, *others))
    return Configuration(partition, epoch, hosts[0], hosts, hosts)


class Counting(Reader):
    """A reader of which is known what it was asked for. `before(method)` is called before
    anything is read."""

    def __init__(self, path: Path, cluster: Cluster) -> None:
        super().__init__(path)
        self._cluster = cluster

    def begin(self, store: str, partition: int, salt: int) -> None:
        self._cluster.read.append((self._path.name, store))
        self._cluster.before()
        super().begin(store, partition, salt)

    def packed(self, names: Sequence[str]) -> list[bytes]:
        self._cluster.sent += len(names)
        return super().packed(names)


class Cluster:
    """Three nodes with two copies of each of two shards: this node, node-0, has none of
    shard 1. It is a `live.Watch`, too."""

    def __init__(self, path: Path, copies: int = 2) -> None:
        self.path = path
        self.made = Description(VERSION, "cluster", copies * 2 - 2 or 3, 3, 1, copies=copies)
        self.configs = [config(0, 5, 0, 1), config(1, 5, 1, 2)]
        self.looks: list[list[Configuration]] = []
        """What is looked up first, before it is `configs`."""
        self.gone: set[str] = set()
        """Hosts on nodes that do not answer."""
        self.read: list[tuple[str, str]] = []
        """What other nodes were asked for: node and store."""
        self.sent = 0
        """How many chunks came from other nodes."""
        self.before: Callable[[], None] = lambda: None
        self.actors: set[str] = set()
        """The media actors on the roster."""
        self.locks = []
        for number, host in enumerate(HOSTS):
            node_folder.claim(path / f"node-{number}", self.made, host)
            self.locks.append(HostFolder.lock(path / f"node-{number}" / host, 0.0))

    def add(self, of: Configuration, number: int, rows: list[Row], new: bool = False) -> None:
        """A copy on that node that holds these rows; `new`: its disk is."""
        folder = self.path / f"node-{number}" / f"host-{number}" / place_of(of.shard)
        copy = LmdbReplica(folder, [of.shard])
        if not new:
            copy.remember(encode(of))
        copy.append_records([encode_record(of.epoch, {of.shard: dict(rows)})])
        copy.settle(copy.last)
        checkpoint(copy)
        copy.close()

    def view(self) -> live.ClusterView:
        now = self.looks.pop(0) if self.looks else self.configs
        rows = [
            {
                "shard": c.shard,
                "epoch": c.epoch,
                "leader": c.leader,
                "members": list(c.members),
                "in_sync": list(c.in_sync),
                "leading": True,
            }
            for c in now
        ]
        return live.ClusterView({}, rows, [])

    def nodes(self) -> list[Node]:
        return [
            Node((host,), lambda folder=self.path / f"node-{n}": Counting(folder, self))
            for n, host in enumerate(HOSTS)
            if host not in self.gone
        ]

    def media(self) -> set[str]:
        return self.actors

    def back_up(self, repo: Path) -> backing.Made:
        return backing.make_backup(self.path / "node-0", repo)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def started(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    @contextlib.contextmanager
    def watching(data: Path) -> Iterator[Any]:
        yield cluster

    monkeypatch.setattr(live, "watching", watching)
    yield cluster
    for lock in cluster.locks:
        lock.close()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    for of, nodes in zip(made.configs, ((0, 1), (1, 2)), strict=True):
        for number in nodes:
            made.add(of, number, numbered(ROWS, b"of %d" % of.shard))
    yield from started(made, monkeypatch)


def rows_in(repo: Path) -> dict[str, list[Row]]:
    """By store, in the newest backup."""
    repository = Repository.open(repo)
    found = repository.latest().partitions()
    return {store.name: list(repository.rows(part.chunks)) for store, part in found}


WHOLE = {f"shard-{p}": numbered(ROWS, b"of %d" % p) for p in (0, 1)}


def test_what_is_not_here_is_read_where_the_leader_is(cluster: Cluster, repo: Path) -> None:
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE
    assert cluster.read == [("node-1", "shard-1")]


def test_what_has_not_changed_does_not_come_again(cluster: Cluster, repo: Path) -> None:
    first = cluster.back_up(repo)
    assert first.new_chunks == first.chunks > cluster.sent > 0
    cluster.sent = 0
    assert cluster.back_up(repo).new_chunks == cluster.sent == 0
    rows = numbered(ROWS, b"of 1")
    rows[5_432] = (rows[5_432][0], b"changed")
    cluster.add(cluster.configs[1], 1, rows[5_432:5_433])
    assert cluster.back_up(repo).new_chunks == cluster.sent == 1
    assert rows_in(repo)["shard-1"] == rows


def test_a_node_without_any_copy_backs_up_everything(cluster: Cluster, repo: Path) -> None:
    folder = cluster.path / "node-3"
    node_folder.claim(folder, cluster.made, "host-3")
    backing.make_backup(folder, repo)
    assert rows_in(repo) == WHOLE
    assert cluster.read == [("node-0", "shard-0"), ("node-1", "shard-1")]


@pytest.mark.parametrize("what", ["silent", "new disk", "ended"])
def test_where_the_leaders_copy_cannot_be_read_another_in_sync_is(
    cluster: Cluster, repo: Path, what: str
) -> None:
    cluster.configs[1] = config(1, 6, 0, 1, 2)
    cluster.add(cluster.configs[1], 0, [(b"wrong", b"")], new=True)
    if what == "silent":
        cluster.gone = {"host-1"}
    elif what == "ended":
        cluster.locks.pop(1).close()
    else:
        cluster.configs[1] = config(1, 6, 0, 2)
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE
    assert cluster.read == [("node-2", "shard-1")]


def test_a_leader_that_has_lost_it_meanwhile_is_not_believed(cluster: Cluster, repo: Path) -> None:
    """It may have been cut off when the ends of the logs were noted."""
    cluster.looks = [list(cluster.configs), [cluster.configs[0], config(1, 6, 2, 1)]]
    cluster.configs[1] = config(1, 6, 2, 1)
    cluster.add(cluster.configs[1], 2, [(b"later", b"row")])
    cluster.back_up(repo)
    assert rows_in(repo)["shard-1"] == [*WHOLE["shard-1"], (b"later", b"row")]
    assert cluster.read == [("node-2", "shard-1")], "no row was read of the first"


def test_files_are_read_on_all_nodes(cluster: Cluster, repo: Path) -> None:
    names = []
    for number in range(3):
        data = b"of node %d" % number
        with closing(ChunkStore(cluster.path / f"node-{number}/media-{number}/chunks")) as store:
            for some in (data, b"of all"):
                store.put(chunk_hash(some), some, 1)
                store.hold(chunk_hash(data), [chunk_hash(some)], 1)
        names.append(chunk_hash(data))
    cluster.actors = {"media-0", "media-1", "media-2"}
    made = cluster.back_up(repo)
    assert (made.file_chunks, made.new_file_chunks, made.damaged) == (4, 4, [])
    repository = Repository.open(repo)
    index = repository.latest().files
    assert index is not None
    held = {one.name: set(one.roots) for one in held_in(repository.rows(index.index))}
    assert held == {**{name: {name} for name in names}, chunk_hash(b"of all"): set(names)}
    cluster.gone = {"host-2"}
    assert cluster.back_up(repo).damaged == ["media-2 could not be looked at"]


def test_a_reader_without_stores_is_not_asked_for_them(cluster: Cluster) -> None:
    class Alone(Reader):
        def catch_up(self) -> dict[str, int]:
            raise AssertionError

    def node(number: int) -> Reader:
        return Reader(cluster.path / f"node-{number}")

    nodes = [Node((HOSTS[1],), lambda: node(1)), Node((HOSTS[2],), lambda: Alone(cluster.path))]
    with Stores(Alone(cluster.path), nodes) as stores:
        stores.on(nodes[1])
        assert stores.catch_up() == {}
        there = stores.on(nodes[0])
        stores.add(there, there.add_copies({1: HOSTS[1:2]}))
        assert list(stores.catch_up()) == ["shard-1"]


def test_it_waits_for_a_leader(cluster: Cluster, repo: Path) -> None:
    """Where nobody leads just now, or its node does not answer yet, another attempt helps."""
    cluster.looks = [cluster.configs[:1]]
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE


def test_a_reader_that_dies_does_not_end_a_backup(cluster: Cluster, repo: Path) -> None:
    deaths = iter(range(2))

    def die() -> None:
        if next(deaths, None) is not None:
            raise Unsettled("node-1 could not be read on")

    cluster.before = die
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE
    assert len(Repository.open(repo).moments()) == 1


def test_in_the_end_it_is_told_why_there_is_no_backup(cluster: Cluster, repo: Path) -> None:
    def die() -> None:
        raise Unsettled("node-1 could not be read on")

    cluster.before = die
    with pytest.raises(BackupError, match="no backup was made: node-1 could not be read on"):
        cluster.back_up(repo)
    assert len(cluster.read) == backing.ATTEMPTS_MAX
    cluster.gone = {"host-1", "host-2"}
    with pytest.raises(BackupError, match="no copy in sync of shard 1 can be read"):
        cluster.back_up(repo)
    assert Repository.open(repo).moments() == []


def test_a_reader_holds_a_piece_and_not_a_store(
    cluster: Cluster, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    class Measured(Counting):
        def more(self) -> list[Cut]:
            cuts = super().more()
            held.append(len(cuts))
            return cuts

    monkeypatch.setitem(globals(), "Counting", Measured)
    monkeypatch.setattr(reader, "PIECE_BYTES", 1)
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE
    assert set(held[:-1]) == {1}
    assert held[-1] == 0


def test_one_copy_of_everything_on_several_nodes(
    tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a host that was made for one actor; one that is being made has no store yet."""
    cluster = Cluster(tmp_path, copies=1)
    own, own_partition = "dedicated-10000000000", 1 << 40
    stores = [("node-0", "host-0", 0), ("node-1", "host-1", 1), ("node-2", "host-2", 2)]
    for node, host, number in [*stores, ("node-2", own, own_partition)]:
        with LmdbStoreIn(tmp_path / node / host, number) as store:
            store.append({number: {b"row": b"%d" % number}})
    (tmp_path / "node-1" / "dedicated-10000000001").mkdir()
    hosts = [("host-0",), ("host-1", "dedicated-10000000001"), ("host-2", own)]
    cluster.nodes = lambda: [  # type: ignore[method-assign]
        Node(some, lambda folder=tmp_path / f"node-{n}": Counting(folder, cluster))
        for n, some in enumerate(hosts)
        if not cluster.gone & set(some)
    ]
    for _ in started(cluster, monkeypatch):
        cluster.back_up(repo)
        rows = {name: dict(rows) for name, rows in rows_in(repo).items()}
        assert rows == {
            host: {b"row": b"%d" % number}
            for _, host, number in [*stores, ("node-2", own, own_partition)]
        }
        cluster.gone = {"host-2"}
        with pytest.raises(BackupError, match="lacks host-2"):
            cluster.back_up(repo)


@contextlib.contextmanager
def LmdbStoreIn(folder: Path, partition: int) -> Iterator[LmdbStore]:
    store = LmdbStore(folder, [partition], map_bytes=1 << 26)
    yield store
    store.close()


# --- the process on another node ----------------------------------------------------------------


class Ray:
    """What `heliograph.admin.remote` needs of Ray. Values cross as between processes. `fail` is
    raised by the next call."""

    exceptions = ray.exceptions

    def __init__(self) -> None:
        self.options_asked: list[dict[str, Any]] = []
        self.living = 0
        self.fail: Exception | None = None

    def remote(self, cls: type) -> Any:
        def make(path: Path) -> Any:
            self.living += 1
            there = cls(crossing(path))
            return SimpleNamespace(**{n: self._method(there, n) for n in METHODS})

        def options(**asked: Any) -> Any:
            self.options_asked.append(asked)
            return SimpleNamespace(remote=make)

        return SimpleNamespace(options=options)

    def _method(self, there: Any, name: str) -> Any:
        return SimpleNamespace(remote=lambda *args: (getattr(there, name), crossing(args)))

    def get(self, call: Any, timeout: float) -> Any:
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error
        method, arguments = call
        return crossing(method(*arguments))

    def kill(self, actor: Any) -> None:
        self.living -= 1
        close, _ = actor.close.remote()
        close()  # what the end of a process does


METHODS = [name for name in vars(Reading) if not name.startswith("_")]


def crossing(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.fixture
def far(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Ray:
    """Readers on other nodes are actors."""
    made = Ray()
    monkeypatch.setattr(remote, "ray", made)

    def nodes() -> list[Node]:
        homes = [
            SimpleNamespace(node=f"n{n}", data=str(cluster.path / f"node-{n}"), pin={"at": n})
            for n in range(3)
        ]
        return [Node((host,), partial(remote.RemoteReader, home))
                for host, home in zip(HOSTS, homes, strict=True)]  # fmt: skip

    monkeypatch.setattr(cluster, "nodes", nodes)
    return made


def test_a_reader_is_an_actor_on_the_node_that_ends_with_the_backup(
    cluster: Cluster, repo: Path, far: Ray
) -> None:
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE
    assert [asked["at"] for asked in far.options_asked] == [1, 2]
    assert "lifetime" not in far.options_asked[0], "it belongs to the process that made it"
    assert far.living == 0


def test_an_actor_that_dies_is_made_anew(cluster: Cluster, repo: Path, far: Ray) -> None:
    for error in (ray.exceptions.RayActorError(), ray.exceptions.GetTimeoutError("late")):
        far.options_asked.clear()
        far.fail = error
        cluster.back_up(repo)
        assert rows_in(repo) == WHOLE
        assert [asked["at"] for asked in far.options_asked] == [1, 2, 1, 2]
        assert far.living == 0


def test_what_a_reader_finds_is_told_as_it_is(cluster: Cluster, repo: Path, far: Ray) -> None:
    """Not that its call has failed."""
    far.fail = ray.exceptions.RayTaskError("more", "trace", CorruptLog("was cut"))
    cluster.back_up(repo)
    assert rows_in(repo) == WHOLE
    far.fail = ray.exceptions.RayTaskError("more", "trace", StorageFailed("the disk is broken"))
    with pytest.raises(StorageFailed, match="the disk is broken"):
        cluster.back_up(repo)
    assert far.living == 0


def test_nodes_are_found_by_what_is_in_their_folders(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = live.Watch(cluster.path, Settings("", "cluster"))
    (cluster.path / "node-8").mkdir()
    other = Description(VERSION, "another", 2, 3, 1, copies=2)
    node_folder.claim(cluster.path / "node-9", other, "host-9")
    monkeypatch.setattr(registry, "node_names", lambda: ["node-0"])
    assert [node.hosts for node in watch.nodes()] == [(host,) for host in HOSTS]

    def died(*arguments: Any) -> Any:
        raise ray.exceptions.WorkerCrashedError()

    monkeypatch.setattr(live, "nodes_of", died)
    monkeypatch.setattr(live, "_look", died)
    for ask in (watch.nodes, watch.view):
        with pytest.raises(Unsettled, match="could not be asked"):
            ask()


def test_a_server_that_is_away_for_a_moment_is_asked_again(
    cluster: Cluster, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that does not run at all."""
    watching = live.watching
    asked: list[Path] = []

    @contextlib.contextmanager
    def flapping(data: Path) -> Iterator[Any]:
        asked.append(data)
        if len(asked) in away:
            raise live.NotRunning("it does not run")
        with watching(data) as watch:
            yield watch

    monkeypatch.setattr(live, "watching", flapping)
    cluster.looks = [cluster.configs, [config(0, 6, 0, 1), cluster.configs[1]]]
    away = {2}
    cluster.back_up(repo)
    assert len(asked) == 3
    assert rows_in(repo) == WHOLE
    away = {4}
    with pytest.raises(BackupError, match="it does not run"):
        cluster.back_up(repo)
    assert len(asked) == 4


@pytest.mark.parametrize(
    "look", [live.cluster_view, lambda data: live.media_view(data).__enter__()]
)
def test_ray_without_heliograph_is_not_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Callable[[Path], Any]
) -> None:
    @contextlib.contextmanager
    def connected(data: Path) -> Iterator[None]:
        yield

    monkeypatch.setattr(live, "_connected", connected)
    monkeypatch.setattr(registry, "remembered", lambda: None)
    with pytest.raises(live.NotRunning, match="no server is running"):
        look(tmp_path)
