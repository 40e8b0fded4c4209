"""Which host lives on which node, found from what the nodes' data folders hold."""

from __future__ import annotations

import pytest

from heliograph.server.layout import LayoutError, lay_out
from runtime.placement import MOVED_BASE, own_host
from storage.folder import Description
from storage.node_folder import Content

THREE = Description(version=1, cluster_id="one", partitions=64, hosts=3, created_ms=0)
COPIES = Description(version=1, cluster_id="one", partitions=16, hosts=3, created_ms=0, copies=3)
OTHER = Description(version=1, cluster_id="two", partitions=64, hosts=3, created_ms=0)
EMPTY = Content()


def holds(*hosts: str, cluster: Description = THREE) -> Content:
    return Content(cluster, hosts)


def test_a_new_cluster_takes_the_nodes_by_name() -> None:
    layout = lay_out({"c": EMPTY, "a": EMPTY, "b": EMPTY}, 3)
    assert layout.cluster is None
    assert layout.homes == {"host-0": "a", "host-1": "b", "host-2": "c"}
    assert layout.newcomers == ("host-0", "host-1", "host-2")


def test_hosts_are_where_their_data_is_whatever_the_nodes_are_called() -> None:
    found = {"x": holds("host-2"), "y": holds("host-0"), "z": holds("host-1"), "spare": EMPTY}
    layout = lay_out(found, None)
    assert layout.cluster == THREE
    assert layout.homes == {"host-0": "y", "host-1": "z", "host-2": "x"}
    assert not layout.newcomers


def test_an_unused_node_of_a_cluster_with_copies_gets_a_new_host() -> None:
    found = {name: holds(f"host-{n}", cluster=COPIES) for n, name in enumerate("abc")}
    found |= {"d": EMPTY, "e": EMPTY}
    known = ["host-0", "host-1", "host-2", "host-3"]  # the last one has left
    assert lay_out(found, None, known).newcomers == ("host-4", "host-5")
    assert lay_out(found, 5, known).newcomers == ("host-4",)
    assert lay_out(found, 3).newcomers == ()


def test_hosts_of_one_partition_live_where_they_are_and_are_counted_by_nobody() -> None:
    own, other = own_host(MOVED_BASE + 1), own_host(MOVED_BASE + 2)
    found = {name: holds(f"host-{n}", cluster=COPIES) for n, name in enumerate("abc")}
    found |= {"c": holds("host-2", own, cluster=COPIES), "d": EMPTY}
    layout = lay_out(found, None, ["host-0", "host-1", "host-2", own, other])
    assert layout.homes == {"host-0": "a", "host-1": "b", "host-2": "c", "host-3": "d"}
    assert layout.own == {own: "c"}
    assert (layout.newcomers, layout.missing) == (("host-3",), ())
    found["a"] = holds("host-0", own, cluster=COPIES)
    with pytest.raises(LayoutError, match=f"{own} is in the data folders of two nodes"):
        lay_out(found, None)


def test_a_cluster_with_copies_starts_without_some() -> None:
    found = {"a": holds("host-0", cluster=COPIES), "b": holds("host-2", cluster=COPIES)}
    layout = lay_out(found, None)
    assert layout.homes == {"host-0": "a", "host-2": "b"}
    assert layout.missing == ("host-1",)
    del found["b"]
    assert lay_out(found, None).missing == ("host-1", "host-2")
    with pytest.raises(LayoutError, match="no node has the data of host-0, host-1, host-2"):
        lay_out({"a": holds(cluster=COPIES)}, None)


@pytest.mark.parametrize(
    ("found", "hosts", "told"),
    [
        ({"a": EMPTY}, None, "--nodes"),
        ({"a": EMPTY}, 2, "2 nodes are wanted, there are 1: a"),
        ({"a": holds("host-0")}, 2, "was made with 3 nodes"),
        ({"a": holds("host-0"), "b": holds("host-1", cluster=OTHER)}, None, "b of two"),
        ({"a": holds("host-0"), "b": holds("host-1"), "c": EMPTY}, None, "no node has .* host-2"),
        ({"a": holds("host-0"), "b": holds("host-0")}, None, "two nodes: a, b"),
        ({"a": Content(problem="cannot read /data")}, 1, "node a: cannot read /data"),
    ],
)
def test_what_cannot_be_started_is_told(
    found: dict[str, Content], hosts: int | None, told: str
) -> None:
    with pytest.raises(LayoutError, match=told):
        lay_out(found, hosts)
