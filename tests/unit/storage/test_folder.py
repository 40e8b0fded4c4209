"""The data folder: who may use it, and in which version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from storage.folder import VERSION, DataFolder, HostFolder
from storage.port import DataFolderError


def make(path: Path) -> DataFolder:
    return DataFolder.open(path, partitions=8, hosts=2)


def test_what_it_was_made_for_stays(tmp_path: Path) -> None:
    first = make(tmp_path / "data")
    made = first.description
    assert (made.version, made.partitions, made.hosts, made.dedicated) == (VERSION, 8, 2, ())
    first.close()
    again = DataFolder.open(tmp_path / "data", partitions=99)
    assert again.description == made
    again.close()
    with pytest.raises(DataFolderError, match="start it with --hosts 2"):
        DataFolder.open(tmp_path / "data", partitions=8, hosts=3)
    with pytest.raises(DataFolderError, match="without --dedicated"):
        DataFolder.open(tmp_path / "data", partitions=8, dedicated=("chat",))


def test_what_is_dedicated_stays(tmp_path: Path) -> None:
    DataFolder.open(tmp_path, partitions=8, dedicated=("chat",)).close()
    DataFolder.open(tmp_path, partitions=8, dedicated=("chat",)).close()
    again = DataFolder.open(tmp_path, partitions=8)
    assert again.description.dedicated == ("chat",)
    again.close()
    with pytest.raises(DataFolderError, match="--dedicated chat"):
        DataFolder.open(tmp_path, partitions=8, dedicated=("session",))


def test_shards_stay(tmp_path: Path) -> None:
    """As many as hosts, if nobody says how many."""
    for name, given, found in (("few", None, 3), ("many", 6, 6)):
        made = DataFolder.open(tmp_path / name, partitions=8, hosts=3, copies=3, shards=given)
        assert made.description.shard_count == found
        made.close()
        DataFolder.open(tmp_path / name, partitions=8, shards=found).close()
        with pytest.raises(DataFolderError, match=f"start it with --shards {found}. To have"):
            DataFolder.open(tmp_path / name, partitions=8, shards=4)


def test_before_there_were_several_partitions_in_a_shard_each_was_one(tmp_path: Path) -> None:
    DataFolder.open(tmp_path, partitions=16, hosts=3, copies=3).close()
    file = tmp_path / "heliograph.json"
    described = json.loads(file.read_text())
    del described["shards"]
    file.write_text(json.dumps(described | {"version": 1}))
    assert DataFolder.look(tmp_path).description.shard_count == 16
    DataFolder.open(tmp_path, partitions=64).close()
    found = DataFolder.look(tmp_path).description
    assert (found.version, found.shards) == (VERSION, 16), "an older version would miss copies"


@pytest.mark.parametrize(
    ("copies", "shards", "why"),
    [
        (3, 9, "there can be 1 to 8 shards, not 9"),
        (3, 0, "there can be 1 to 8 shards, not 0"),
        (1, 2, "--shards are of servers with copies"),
        (None, 2, "--shards are of servers with copies"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, copies: int | None, shards: int, why: str
) -> None:
    with pytest.raises(DataFolderError, match=why):
        DataFolder.open(tmp_path, partitions=8, hosts=3, copies=copies, shards=shards)
    assert not (tmp_path / "heliograph.json").exists()


def test_a_server_with_one_copy_has_no_shards(tmp_path: Path) -> None:
    make(tmp_path).close()
    with pytest.raises(DataFolderError, match="--shards are of servers with copies"):
        DataFolder.open(tmp_path, partitions=8, shards=2)


def test_a_second_server_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    """Two processes: a lock on a file is one process's."""
    code = (
        "import sys, pathlib\n"
        "from storage.folder import DataFolder\n"
        "DataFolder.open(pathlib.Path(sys.argv[1]), partitions=8, hosts=2)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(DataFolderError, match=f"in use by process {holder.pid}; stop that server"):
        make(tmp_path)
    holder.kill()
    holder.communicate()
    make(tmp_path).close()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    make(tmp_path).close()
    file = tmp_path / "heliograph.json"
    described = json.loads(file.read_text())
    file.write_text(json.dumps(described | {"version": VERSION + 1, "what": "is new"}))
    with pytest.raises(DataFolderError, match="written by a newer Heliograph"):
        make(tmp_path)
    file.write_text("{")
    with pytest.raises(DataFolderError, match="damaged"):
        make(tmp_path)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(DataFolderError, match="something else"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(DataFolderError, match="is no data folder"):
        DataFolder.look(tmp_path)


def test_a_host_waits_for_its_dying_predecessor(tmp_path: Path) -> None:
    first = HostFolder.lock(tmp_path / "host-0", wait_s=0)
    with pytest.raises(DataFolderError, match="in use"):
        HostFolder.lock(tmp_path / "host-0", wait_s=0.1)
    first.close()
    HostFolder.lock(tmp_path / "host-0", wait_s=0).close()
