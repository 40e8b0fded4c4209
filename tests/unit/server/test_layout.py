"""Which host lives on which node, found from what the nodes' data folders hold."""

from __future__ import annotations

import pytest

from heliograph.server.layout import LayoutError, lay_out
from storage.folder import Description
from storage.node_folder import Content

THREE = Description(version=1, cluster_id="one", partitions=64, hosts=3, created_ms=0)
OTHER = Description(version=1, cluster_id="two", partitions=64, hosts=3, created_ms=0)
EMPTY = Content()


def holds(*hosts: str, cluster: Description = THREE) -> Content:
    return Content(cluster, hosts)


def test_a_new_cluster_takes_the_nodes_by_name() -> None:
    layout = lay_out({"c": EMPTY, "a": EMPTY, "b": EMPTY}, 3)
    assert layout.cluster is None
    assert layout.homes == ("a", "b", "c")


def test_hosts_are_where_their_data_is_whatever_the_nodes_are_called() -> None:
    found = {"x": holds("host-2"), "y": holds("host-0"), "z": holds("host-1"), "spare": EMPTY}
    layout = lay_out(found, None)
    assert layout.cluster == THREE
    assert layout.homes == ("y", "z", "x")


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
