"""The log: what a crash may leave, and what damage looks like."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from storage.log import Log
from storage.port import CorruptLog, StorageFailed, StorageFull
from storage.records import HEADER, pack, segments_of

SALT = b"0123456789abcdef"
SEGMENT = 200


def new_log(folder: Path, after: int = 0) -> tuple[Log, list[bytes]]:
    log = Log(folder, SALT, SEGMENT)
    return log, list(log.replay(after))


def written(folder: Path, count: int) -> list[bytes]:
    """A log with some records, of which about four fit a segment; returns the payloads."""
    log, _ = new_log(folder)
    payloads = [b"record %d" % number * 3 for number in range(1, count + 1)]
    for payload in payloads:
        log.append(payload)
    log.close()
    return payloads


def test_records_come_back_in_order_over_segments(tmp_path: Path) -> None:
    payloads = written(tmp_path, 20)
    assert len(segments_of(tmp_path)) > 3
    log, found = new_log(tmp_path)
    assert found == payloads
    assert log.append(b"next") == 21
    log.close()
    assert new_log(tmp_path, 18)[1] == [*payloads[18:], b"next"]


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    written(tmp_path, 2)
    log, _ = new_log(tmp_path)
    log.append(b"x" * 5_000)
    log.append(b"y")
    log.close()
    assert new_log(tmp_path)[1][2:] == [b"x" * 5_000, b"y"]


def test_a_crash_may_cut_the_last_record_short_anywhere(tmp_path: Path) -> None:
    """The record may be there up to any byte, or have a hole: sectors are written in any order."""
    whole = pack(3, b"the third, which was never acknowledged", SALT)
    for kept in range(len(whole)):
        for hole in (False, True):
            folder = tmp_path / f"{kept}-{hole}"
            payloads = written(folder, 2)
            end = sum(HEADER.size + len(p) for p in payloads)
            torn = bytes(kept) + whole[kept:] if hole else whole[:kept]
            if torn == whole:
                continue
            with open(segments_of(folder)[-1].path, "r+b") as file:
                file.seek(end)
                file.write(torn)
            log, found = new_log(folder)
            assert found == payloads
            assert log.append(b"third, again") == 3
            log.append(b"fourth")
            log.close()
            assert new_log(folder)[1] == [*payloads, b"third, again", b"fourth"]


def test_a_flipped_bit_before_the_end_is_damage(tmp_path: Path) -> None:
    """But not in the very last record: there it looks like a write that was cut short."""
    written(tmp_path, 11)
    for segment in segments_of(tmp_path):
        good = segment.path.read_bytes()
        last = segment.path == segments_of(tmp_path)[-1].path
        spots = range(HEADER.size) if last else range(0, len(good.rstrip(b"\x00")), 7)
        for at in spots:
            bad = bytearray(good)
            bad[at] ^= 0x10
            segment.path.write_bytes(bad)
            with pytest.raises(CorruptLog, match="damaged"):
                new_log(tmp_path)
        segment.path.write_bytes(good)
    assert len(new_log(tmp_path)[1]) == 11


def test_a_torn_record_whose_text_looks_like_a_record_is_not_taken_for_damage(
    tmp_path: Path,
) -> None:
    """What users write lands in records; without the salt they cannot forge one."""
    payloads = written(tmp_path, 2)
    end = sum(HEADER.size + len(p) for p in payloads)
    forged = b"".join(pack(number, b"forged", b"guessed salt") for number in range(3, 9))
    with open(segments_of(tmp_path)[-1].path, "r+b") as file:
        file.seek(end)
        file.write(pack(3, forged, SALT)[:-1])
    assert new_log(tmp_path)[1] == payloads


def test_a_missing_segment_is_damage(tmp_path: Path) -> None:
    written(tmp_path, 12)
    segments_of(tmp_path)[1].path.unlink()
    with pytest.raises(CorruptLog, match="damaged"):
        new_log(tmp_path)


def test_the_first_segments_missing_is_damage(tmp_path: Path) -> None:
    written(tmp_path, 12)
    second = segments_of(tmp_path)[1]
    segments_of(tmp_path)[0].path.unlink()
    with pytest.raises(CorruptLog, match="from 1 on are missing"):
        new_log(tmp_path)
    assert new_log(tmp_path, second.first - 1)[0].last == 12


def test_a_log_that_is_gone_or_ends_too_early_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptLog, match="the log is gone"):
        new_log(tmp_path, 7)
    written(tmp_path, 3)
    with pytest.raises(CorruptLog, match="its end is lost"):
        new_log(tmp_path, 7)
    assert new_log(tmp_path, 3)[0].append(b"next") == 4


def test_a_crash_between_two_segments(tmp_path: Path) -> None:
    """Before the new one has its name, and after it has it but holds nothing."""
    payloads = written(tmp_path, 8)
    last = segments_of(tmp_path)[-1]
    (tmp_path / "00000000000000000009.new").write_bytes(b"\x01" * 10)
    assert new_log(tmp_path)[1] == payloads
    empty = tmp_path / "00000000000000000009.log"
    empty.write_bytes(bytes(SEGMENT))
    log, found = new_log(tmp_path)
    assert found == payloads
    assert log.append(b"nine") == 9
    log.close()
    assert len(last.path.read_bytes().rstrip(b"\x00")) > 0
    assert new_log(tmp_path)[1] == [*payloads, b"nine"]


def test_cutting_keeps_what_is_needed(tmp_path: Path) -> None:
    payloads = written(tmp_path, 20)
    for applied in range(21):
        log, found = new_log(tmp_path, applied)
        log.cut(applied)
        log.close()
        assert found == payloads[applied:]
        assert new_log(tmp_path, applied)[1] == payloads[applied:]
    assert len(segments_of(tmp_path)) == 1, "the last one stays"


def test_a_cut_during_a_rotation_that_fails_keeps_the_segment_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = new_log(tmp_path)
    for _ in range(4):
        log.append(b"x" * 30)

    def full(fd: int, offset: int, length: int) -> None:
        log.cut(log.last)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(StorageFull):
            log.append(b"y" * 150)
    assert log.append(b"small") == 5
    log.close()
    assert new_log(tmp_path)[1][-1] == b"small"
    assert not list(tmp_path.glob("*.new"))


def test_an_error_that_is_not_about_room_stops_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = new_log(tmp_path)
    log.append(b"one")

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwritev", broken)
    with pytest.raises(StorageFailed):
        log.append(b"two")


def test_a_write_that_finds_no_room_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = new_log(tmp_path)
    log.append(b"one")
    real = os.pwritev
    calls = 0

    def half(fd: int, views: list[memoryview], offset: int, flags: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return real(fd, [views[0][:20]], offset, flags)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", half)
        with pytest.raises(StorageFull):
            log.append(b"two, which is longer than its header")
    assert log.append(b"2") == 2
    log.close()
    assert new_log(tmp_path)[1] == [b"one", b"2"]
