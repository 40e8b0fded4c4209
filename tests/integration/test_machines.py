"""A cluster of three machines, started and stopped with Ray's own launcher: hosts are killed and
paused, machines die and are cut off, a disk is full, the head is started again, two of these at
once, everything is stopped and started; no message is lost, doubled or reordered.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.machine_cluster import (
    BACK_S_MAX,
    COPIES,
    HOST,
    NODES,
    SHARDS,
    Cluster,
    host_of,
)
from tests.integration.machine_folders import DATA
from tests.integration.machines import Machine, cut, machines
from tests.integration.running import UNLIMITED, check, result_of, wait_for
from tests.integration.under_load import UnderLoad

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = None

DISK_BYTES = 1 << 30
PAUSE_S = 30
GONE_S_MAX = 240
"""A node ends when it has missed its head for a minute, and is not tried again for long."""


@pytest.fixture(scope="module")
def bench(alone: None) -> Iterator[tuple[Machine, list[Machine]]]:
    """The operator's machine, and one more than the cluster begins with."""
    with machines(NODES + 1) as (operator, nodes):
        nodes[1].image_disk(DATA, DISK_BYTES)
        yield operator, nodes


@pytest.fixture(scope="module")
def cluster(bench: tuple[Machine, list[Machine]]) -> Cluster:
    operator, nodes = bench
    running = Cluster(operator, nodes[:NODES])
    running.up()
    return running


@pytest.fixture(scope="module")
def under_load(cluster: Cluster) -> Iterator[UnderLoad]:
    load = cluster.under_load()
    yield load
    load.end()


@pytest.fixture
def spare(bench: tuple[Machine, list[Machine]]) -> Machine:
    """The machine that is not of the cluster at first."""
    return bench[1][NODES]


def briefly(cluster: Cluster, node: int) -> None:
    """Messages flow through a node, and nothing is lost."""
    check(result_of(cluster.load(node, "--pairs", "5", "--rate", "100", "--seconds", "3")))


def test_each_node_has_a_host_and_can_be_used(cluster: Cluster) -> None:
    for number, node in enumerate(cluster.nodes):
        assert cluster.answers(number)
        assert len(node.processes(HOST)) == 1
        assert len(node.processes("ray::Edge")) == 1
        assert len(list(node.data.glob("host-*"))) == 1
    briefly(cluster, 2)


@pytest.mark.soak
def test_a_killed_host_comes_back(cluster: Cluster, under_load: UnderLoad) -> None:
    under_load(lambda: killed_once(cluster.nodes[1]))


@pytest.mark.soak
def test_a_killed_raylet_comes_back(cluster: Cluster, under_load: UnderLoad) -> None:
    """With all that belongs to its node: none of it goes on as an orphan."""
    node = cluster.nodes[2]

    def kill() -> None:
        before = node.processes(HOST)
        [raylet] = node.raylets()
        raylet.kill()
        wait_for(lambda: node.raylets([raylet]) != [], BACK_S_MAX)
        wait_for(lambda: not any(process.is_running() for process in before))
        wait_for(lambda: node.processes(HOST) != [], BACK_S_MAX)

    under_load(kill)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak  # the gate has one that is cut off, and a node that dies (`test_nodes`)
def test_a_machine_dies_and_comes_back(cluster: Cluster, under_load: UnderLoad) -> None:
    """The others go on, and its copies catch up."""
    node = cluster.nodes[2]
    host = host_of(node)

    def die_and_come_back() -> None:
        node.kill()
        wait_for(lambda: not cluster.leads(host))
        under_load.flows()
        node.boot()
        cluster.come_back(node)

    under_load(die_and_come_back)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.parametrize("ways", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_a_machine_is_cut_off(cluster: Cluster, under_load: UnderLoad, ways: int) -> None:
    """From the other machines, but not from the people."""
    node = cluster.nodes[1]

    def cut_off() -> None:
        for other in cluster.nodes:
            if other is not node:
                node.stop_hearing(other)
                if ways == 2:
                    other.stop_hearing(node)
        wait_for(lambda: not cluster.leads(host_of(node)))
        for machine in cluster.nodes:
            machine.hear_all()

    under_load(cut_off)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak
def test_the_head_is_started_again(cluster: Cluster, under_load: UnderLoad) -> None:
    """Hosts of the other nodes run on meanwhile; the head's comes back with it."""
    under_load.end()
    load = cluster.under_load(1)
    others = [node.processes(HOST)[0] for node in cluster.nodes[1:]]

    def restart() -> None:
        cluster.restart_head()
        wait_for(lambda: all(cluster.answers(n) for n in range(NODES)), BACK_S_MAX)

    load(restart)
    assert all(process.is_running() for process in others)
    load.end()


@pytest.mark.soak
def test_a_host_is_paused(cluster: Cluster, under_load: UnderLoad) -> None:
    """Others lead meanwhile; when it goes on, nothing that it thought to lead is taken from it."""
    under_load(lambda: paused(cluster, cluster.nodes[1], lambda: None))
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak
def test_a_host_is_paused_while_the_others_are_cut_apart(
    cluster: Cluster, under_load: UnderLoad
) -> None:
    """No two can hear each other for a while: nothing is acknowledged then, and nothing lost."""

    def cut_and_mend() -> None:
        cut(cluster.nodes[0], cluster.nodes[2])
        wait_for(lambda: {host_of(n) for n in cluster.nodes[1:]} <= {*cluster.copies()["silent"]})
        for node in cluster.nodes:
            node.hear_all()

    under_load(lambda: paused(cluster, cluster.nodes[1], cut_and_mend))
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak
@pytest.mark.parametrize("killed", [False, True])
def test_a_disk_is_full(cluster: Cluster, under_load: UnderLoad, killed: bool) -> None:
    """Where a log needs room and there is none, a copy falls behind; it catches up when there is.
    In the second case a host that has another copy is killed meanwhile."""
    full, other = cluster.nodes[1:]

    def fill() -> None:
        full.fill(DATA)
        _, writer = cluster.write(f"writer_{killed}".lower())
        try:
            wait_for(lambda: cluster.lacks(host_of(full)), BACK_S_MAX)
            if killed:
                killed_once(other)
            under_load.flows()
        finally:
            full.make_room(DATA)
        assert cluster.written(writer) > 100

    under_load(fill)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak
def test_a_machine_dies_while_the_head_is_started_again(
    cluster: Cluster, under_load: UnderLoad
) -> None:
    node = cluster.nodes[2]

    def die_and_restart() -> None:
        node.kill()
        cluster.restart_head()
        node.boot()
        cluster.come_back(node)
        wait_for(lambda: all(cluster.answers(n) for n in range(NODES)), BACK_S_MAX)

    under_load(die_and_restart)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak
def test_heliograph_is_stopped_and_started(
    cluster: Cluster, under_load: UnderLoad, tmp_path: Path
) -> None:
    """Ray goes on meanwhile; what was stored is sound, and it is there again."""
    under_load.end()
    cluster.talk("register", 'await client.send(notes.id, "before")')
    cluster.nodes[0].run("heliograph", "cluster", "stop", "--data", DATA)
    wait_for(lambda: not any(node.processes(HOST) for node in cluster.nodes))
    assert not any(node.processes("ray::Serve") for node in cluster.nodes)
    assert all(node.processes() for node in cluster.nodes)
    cluster.check_stored(tmp_path / "together")
    cluster.nodes[0].run(
        "heliograph", "cluster", "start", "--data", DATA, *UNLIMITED, timeout_s=240
    )
    said = cluster.talk("login", "print([m.text async for m in client.history(notes.id)])")
    assert "['before']" in said
    wait_for(cluster.all_in_sync, BACK_S_MAX)


def killed_once(node: Machine) -> None:
    """kill -9 of a node's host, which comes back."""
    pid = node.kill_one(HOST)
    wait_for(lambda: [p for p in node.processes(HOST) if p.pid != pid] != [])


def paused(cluster: Cluster, node: Machine, meanwhile: Callable[[], None]) -> None:
    """Pause a node's host for `PAUSE_S`: that long is the fault, so it is waited out."""
    host = node.processes(HOST)[0]
    end_s = time.monotonic() + PAUSE_S
    host.suspend()
    try:
        wait_for(lambda: not cluster.leads(host_of(node)))
        meanwhile()
        time.sleep(max(0.0, end_s - time.monotonic()))
    finally:
        host.resume()


def test_a_folder_of_another_cluster_is_refused(cluster: Cluster) -> None:
    described = cluster.nodes[1].data / "heliograph.json"
    own = described.read_text()
    described.write_text(re.sub(r'"cluster_id": "\w+"', '"cluster_id": "0123456789"', own))
    start = ("heliograph", "cluster", "start", "--data", DATA, *UNLIMITED)
    refused = cluster.nodes[0].run(*start, check=False)
    described.write_text(own)
    assert refused.returncode == 2
    assert "belong to different clusters" in refused.stdout
    assert "node-1 of 0123456789" in refused.stdout


@pytest.mark.soak
def test_a_machine_joins_and_gets_its_share(
    cluster: Cluster, under_load: UnderLoad, spare: Machine
) -> None:
    share = SHARDS * COPIES // (NODES + 1)

    def join() -> None:
        cluster.join(spare)
        assert f"Node {spare.name} joins as host-{NODES}" in cluster.start(
            "--nodes", str(NODES + 1)
        )
        wait_for(lambda: cluster.shares()[host_of(spare)] == share, BACK_S_MAX)

    under_load(join)
    cluster.consist_of([*cluster.nodes, spare])
    assert cluster.answers(NODES)
    briefly(cluster, NODES)


@pytest.mark.soak
def test_a_machine_that_is_lost_is_replaced(cluster: Cluster, under_load: UnderLoad) -> None:
    """Its disk is lost, too; the other three have everything afterwards."""
    head, lost, *others = cluster.nodes
    host = host_of(lost)
    rest = {f"host-{n}": SHARDS for n in range(NODES + 1)}
    del rest[host]

    def lose() -> None:
        lost.kill()
        said = cluster.start("--nodes", str(NODES + 1), "--replace-after", "5", "--wait", "1")
        assert f"{host} is missing" in said
        wait_for(lambda: cluster.shares() == rest, BACK_S_MAX)

    under_load(lose)
    cluster.consist_of([head, *others])


@pytest.mark.soak
def test_the_machine_of_a_chat_s_own_host_dies_and_comes_back(
    cluster: Cluster, under_load: UnderLoad
) -> None:
    """A chat for each machine gets a host of its own, while it is written to."""
    under_load.flows()
    writers = [cluster.write(f"mover_{n}", letters=10, at_once=2) for n in range(NODES)]
    for chat_id, _ in writers:
        assert cluster.leads(cluster.dedicate(chat_id))
    node = cluster.nodes[-1]
    (host,) = (path.name for path in node.data.glob("dedicated-*"))

    def die_and_come_back() -> None:
        node.kill()
        wait_for(lambda: not cluster.leads(host))
        under_load.flows()
        node.boot()
        cluster.come_back(node)
        wait_for(lambda: cluster.leads(host), BACK_S_MAX)
        for _, writer in writers:
            assert cluster.written(writer) > 10

    under_load(die_and_come_back)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.soak
def test_down_and_up(cluster: Cluster, under_load: UnderLoad, tmp_path: Path) -> None:
    """Nothing is left running, what was stored is sound, and it is there again."""
    under_load.end()
    cluster.talk("login", 'await client.send(notes.id, "then")')
    cluster.down()
    wait_for(lambda: not any(node.processes() for node in cluster.nodes), GONE_S_MAX)
    cluster.check_stored(tmp_path / "together")
    cluster.up()
    said = cluster.talk("login", "print([m.text async for m in client.history(notes.id)])")
    assert "['then', 'before']" in said
    briefly(cluster, 1)
    own = [path.name for node in cluster.nodes for path in node.data.glob("dedicated-*")]
    assert len(own) == NODES
    wait_for(lambda: all(map(cluster.leads, own)), BACK_S_MAX)
