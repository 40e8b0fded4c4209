"""A small value in two slots: no crash tears it, and no full disk stops it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.port import StorageFailed, StorageFull
from storage.slots import SLOT_BYTES, Slots

HEADER_BYTES = 16


def place(number: int) -> int:
    """Where the value of this number lies."""
    return number % 2 * SLOT_BYTES


def written(path: Path, *values: bytes) -> bytearray:
    """What the file holds after these writes."""
    slots = Slots(path)
    for value in values:
        slots.write(value)
    return bytearray(path.read_bytes())


def read(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    return Slots(path).read()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EROFS, StorageFailed)],
)
def test_a_disk_that_fails_is_not_taken_for_one_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(expected, match=os.strerror(number)):
        Slots(tmp_path / "config")


def test_it_is_empty_at_first_and_has_its_full_size(tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert Slots(path).read() == b""
    assert path.stat().st_size == 2 * SLOT_BYTES
    assert os.listdir(tmp_path) == ["config"]
    assert Slots(path).read() == b""


def test_a_file_that_a_crash_kept_from_being_made_is_removed(tmp_path: Path) -> None:
    written(tmp_path / "config", b"value")
    (tmp_path / "config.new").write_bytes(b"half")
    assert Slots(tmp_path / "config").read() == b"value"
    assert os.listdir(tmp_path) == ["config"]


def test_the_newest_value_is_read_also_by_another(tmp_path: Path) -> None:
    path = tmp_path / "config"
    slots = Slots(path)
    for number in range(1, 8):
        slots.write(b"value %d" % number * number)
        assert slots.read() == Slots(path).read() == b"value %d" % number * number
    Slots(path).write(b"")
    assert Slots(path).read() == b"", "an empty value is a value"


def test_a_value_may_fill_its_slot(tmp_path: Path) -> None:
    path = tmp_path / "config"
    most = SLOT_BYTES - HEADER_BYTES
    data = written(path, b"a" * most, b"b" * most, b"c" * most)
    assert len(data) == 2 * SLOT_BYTES
    assert Slots(path).read() == b"c" * most
    with pytest.raises(AssertionError):
        Slots(path).write(b"d" * (most + 1))
    assert Slots(path).read() == b"c" * most


def test_a_write_that_was_cut_short_leaves_the_value_before_it(tmp_path: Path) -> None:
    """The sectors of a write may arrive up to any byte, or from any byte on."""
    path = tmp_path / "config"
    values = [b"the first value", b"2nd", b"the third value, a longer one", b"4"]
    for number in range(1, len(values) + 1):
        path.unlink(missing_ok=True)
        before = written(path, *values[: number - 1])
        after = written(path, values[number - 1])
        older = values[number - 2] if number > 1 else b""
        start, length = place(number), HEADER_BYTES + len(values[number - 1])
        for kept in range(length + 1):
            cut = start + kept
            end = start + length
            front = before[:start] + after[start:cut] + before[cut:]
            back = before[:cut] + after[cut:end] + before[end:]
            for torn in (front, back):
                expected = values[number - 1] if torn == after else older
                assert read(path, bytes(torn)) == expected
                Slots(path).write(b"next")
                assert Slots(path).read() == b"next"


def test_a_flipped_bit_in_the_newest_leaves_the_value_before_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    data = written(path, b"older", b"newer value", b"newest value")
    for at in range(HEADER_BYTES + len(b"newest value")):
        for bit in range(8):
            bad = bytearray(data)
            bad[place(3) + at] ^= 1 << bit
            assert read(path, bytes(bad)) == b"newer value"
            Slots(path).write(b"next")
            assert Slots(path).read() == b"next"


def test_damage_to_the_older_one_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "config"
    data = written(path, b"older", b"newest")
    for at in range(SLOT_BYTES):
        bad = bytearray(data)
        bad[place(1) + at] ^= 0xFF
        assert read(path, bytes(bad)) == b"newest"


@given(
    values=st.lists(st.binary(max_size=60), min_size=1, max_size=5),
    next_value=st.binary(max_size=60),
    arrived=st.data(),
)
def test_any_bytes_of_a_write_may_be_missing(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[bytes],
    next_value: bytes,
    arrived: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("slots") / "config"
    before = written(path, *values)
    after = written(path, next_value)
    changed = [at for at in range(len(after)) if before[at] != after[at]]
    lost = arrived.draw(st.sets(st.sampled_from(changed), min_size=1))
    torn = bytes(before[at] if at in lost else after[at] for at in range(len(after)))
    assert read(path, torn) == values[-1]


def test_a_crash_while_it_is_made_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.with_suffix(".new").write_bytes(b"half")
    slots = Slots(path)
    slots.write(b"value")
    assert Slots(path).read() == b"value"


def test_its_name_is_synced_before_a_value_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a crash may leave a file without a name."""
    synced: list[tuple[str, list[str]]] = []
    real = os.fsync

    def note(fd: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{fd}")).name
        synced.append((name, sorted(os.listdir(tmp_path / "copy"))))
        real(fd)

    (tmp_path / "copy").mkdir()
    monkeypatch.setattr(os, "fsync", note)
    slots = Slots(tmp_path / "copy" / "config")
    assert synced == [("config.new", ["config.new"]), ("copy", ["config"])]
    slots.write(b"value")
    assert synced[2:] == [("config", ["config"])]


def test_without_room_to_make_it_there_is_none(tmp_path: Path) -> None:
    """In another process, whose files may not grow."""
    code = (
        "import pathlib, resource, signal, sys\n"
        "from storage.port import StorageFull\n"
        "from storage.slots import Slots\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    Slots(pathlib.Path(sys.argv[1]))\n"
        "except StorageFull:\n"
        "    sys.exit(7)\n"
    )
    path = tmp_path / "config"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 7
    assert not path.exists()
    assert Slots(path).read() == b""


def test_a_write_that_fails_stops_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    slots = Slots(path)
    slots.write(b"value")

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StorageFailed):
            slots.write(b"other")
    assert slots.read() == b"value"


def test_a_write_needs_no_room(tmp_path: Path) -> None:
    """It touches only bytes that are there."""
    path = tmp_path / "config"
    slots = Slots(path)
    blocks = path.stat().st_blocks
    for number in range(9):
        slots.write(bytes([number]) * (SLOT_BYTES - HEADER_BYTES))
        assert path.stat().st_size == 2 * SLOT_BYTES
    assert path.stat().st_blocks == blocks
