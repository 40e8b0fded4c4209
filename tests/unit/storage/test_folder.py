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
