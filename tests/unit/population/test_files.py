"""Files are written whole or not at all; what is no file is not replaced by one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from heliograph.failing import Told
from sim.files import write_whole
from sim.population import result
from tests.unit.population.made import a_result


@pytest.mark.parametrize("name", ["", ".", "..", "folder", "missing/x", "pipe"])
def test_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(Told):
        write_whole(Path(name), b"words")
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "pipe"}
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "file").write_bytes(b"first")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", b"second")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]


def test_a_device_stays_one() -> None:
    write_whole(Path("/dev/null"), b"words")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space"):
        write_whole(Path("/dev/full"), b"words" * 10_000)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write_whole(tmp_path / "file", content)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [content]


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = a_result(tmp_path)
    result.write(made, tmp_path / "made.json")
    assert result.read(tmp_path / "made.json") == made
    for content in (b"", b"{}", b"\xff", (tmp_path / "made.json").read_bytes()[:-9]):
        (tmp_path / "other.json").write_bytes(content)
        with pytest.raises(Told, match="not the result of a run"):
            result.read(tmp_path / "other.json")
    with pytest.raises(Told, match="No such file"):
        result.read(tmp_path / "nowhere.json")
