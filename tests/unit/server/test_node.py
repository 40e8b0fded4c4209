"""What `heliograph cluster node` puts into a data folder, and what it starts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph.server.config import node_temporary, ray_membership
from heliograph.server.node import NodeError, make_temporary, prepare, ray_command

TOKEN = "0123456789abcdef" * 4


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


def test_a_node_has_the_token_for_itself(tmp_path: Path, token: Path) -> None:
    prepare(tmp_path / "data", "node-a", token)
    own = tmp_path / "data" / "ray-token"
    assert own.read_text() == TOKEN
    assert own.stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "data" / "node.json").read_text()) == {"name": "node-a"}


def test_only_a_node_of_a_cluster_leaves_loopback(tmp_path: Path, token: Path) -> None:
    loopback = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
    prepare(tmp_path / "data", "node-a", token)
    (tmp_path / "alone").mkdir()
    assert loopback not in ray_membership(tmp_path / "data")
    assert ray_membership(tmp_path / "alone")[loopback] == "0"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Path]:
    """The data folder of a node of a cluster that nobody else has."""
    (tmp_path / "own-token").write_text(secrets.token_hex(32))
    prepare(tmp_path / "data", "node-a", tmp_path / "own-token")
    yield tmp_path / "data"
    folder = node_temporary(tmp_path / "data")
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        folder.rmdir()


def test_nodes_of_a_cluster_share_the_path_of_a_folder_and_clusters_do_not(
    tmp_path: Path, token: Path
) -> None:
    other = tmp_path / "other-token"
    other.write_text(TOKEN[::-1])
    for name, its in (("a", token), ("b", token), ("c", other)):
        prepare(tmp_path / name, name, its)
    a, b, c = (node_temporary(tmp_path / name) for name in "abc")
    assert a == b != c
    assert ray_membership(tmp_path / "a")["RAY_TMPDIR"] == str(a)


def test_the_path_of_that_folder_leaves_room_for_sockets(node: Path) -> None:
    """HAProxy's, below the node's name in Ray, with what it appends while it is made."""
    longest = node_temporary(node) / "ha" / ("f" * 56) / "metrics.sock.4194304.tmp"
    assert len(str(longest)) < 108


def test_that_folder_is_its_owner_s_alone(node: Path, tmp_path: Path) -> None:
    folder = make_temporary(node)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert make_temporary(node) == folder
    folder.chmod(0o755)
    with pytest.raises(NodeError, match="somebody else"):
        make_temporary(node)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(NodeError, match="somebody else"):
        make_temporary(node)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a" * 64, "a/b"])
def test_a_strange_name_is_refused(tmp_path: Path, token: Path, name: str) -> None:
    with pytest.raises(NodeError, match="is no name for a node"):
        prepare(tmp_path / "data", name, token)


def test_a_missing_or_short_token_is_told(tmp_path: Path, token: Path) -> None:
    with pytest.raises(NodeError, match="openssl rand"):
        prepare(tmp_path / "data", "node-a", tmp_path / "none")
    token.write_text("short")
    with pytest.raises(NodeError, match="shorter than"):
        prepare(tmp_path / "data", "node-a", token)


def test_what_is_left_over_goes_to_ray() -> None:
    command = ray_command("node-a", False, ["--address=10.0.0.1:6379"])
    assert command[1] == "start"
    assert '--resources={"heliograph-node-node-a": 1}' in command
    assert command[-1] == "--address=10.0.0.1:6379"
