"""The data folder of a node: claimed once, and refused by a host that had not lived in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from storage import node_folder
from storage.folder import VERSION, Description
from storage.port import DataFolderError

CLUSTER = Description(version=1, cluster_id="one", partitions=64, hosts=2, created_ms=0)


def test_a_claimed_folder_tells_what_it_is(tmp_path: Path) -> None:
    assert node_folder.look(tmp_path / "new") == node_folder.Content()
    node_folder.claim(tmp_path / "new", CLUSTER, "host-1")
    assert node_folder.look(tmp_path / "new") == node_folder.Content(CLUSTER, ("host-1",))
    node_folder.check(tmp_path / "new", "one", "host-1")


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    node_folder.claim(tmp_path, CLUSTER, "host-1")
    with pytest.raises(DataFolderError, match="in use already"):
        node_folder.claim(tmp_path, CLUSTER, "host-0")


def test_a_folder_with_something_else_in_it_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(DataFolderError, match="something else"):
        node_folder.claim(tmp_path, CLUSTER, "host-1")
    assert [entry.name for entry in tmp_path.iterdir()] == ["letters"]


def test_what_starting_a_node_leaves_is_not_something_else(tmp_path: Path) -> None:
    for name in ("entrance.json", "gcs", "logs", "node.json", "ray-token"):
        (tmp_path / name).mkdir()
    node_folder.claim(tmp_path, CLUSTER, "host-1")


@pytest.mark.parametrize(
    ("cluster_id", "host", "told"),
    [("two", "host-1", "belongs to another cluster"), ("one", "host-0", "another node")],
)
def test_a_host_refuses_a_folder_that_is_not_its_own(
    tmp_path: Path, cluster_id: str, host: str, told: str
) -> None:
    node_folder.claim(tmp_path, CLUSTER, "host-1")
    with pytest.raises(DataFolderError, match=told):
        node_folder.check(tmp_path, cluster_id, host)


def test_a_host_does_not_begin_anew_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="is its disk mounted"):
        node_folder.check(tmp_path, "one", "host-1")


def test_a_host_more_finds_room_in_a_folder_of_the_cluster(tmp_path: Path) -> None:
    node_folder.claim(tmp_path, CLUSTER, "host-1")
    for _ in range(2):
        node_folder.add(tmp_path, "one", "dedicated-5")
        assert node_folder.look(tmp_path).hosts == ("dedicated-5", "host-1")
    node_folder.check(tmp_path, "one", "dedicated-5")
    with pytest.raises(DataFolderError, match="of no node of this cluster"):
        node_folder.add(tmp_path, "two", "dedicated-6")
    with pytest.raises(DataFolderError, match="of no node of this cluster"):
        node_folder.add(tmp_path / "new", "one", "dedicated-6")


def test_a_node_of_an_older_cluster_with_copies_is_of_this_format_once_it_is_used(
    tmp_path: Path,
) -> None:
    for copies, version in ((1, 1), (2, VERSION)):
        path, cluster = tmp_path / f"{copies}", replace(CLUSTER, copies=copies)
        node_folder.claim(path, cluster, "host-1")
        node_folder.check(path, "one", "host-1")
        found = node_folder.look(path).cluster
        assert found is not None
        assert (found.version, found.shard_count) == (version, 64)
