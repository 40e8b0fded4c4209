"""The log: what a crash may leave, and what damage looks like."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from storage import records
from storage.log import Log, Written
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


def test_a_segment_that_a_crash_kept_from_being_made_is_removed(tmp_path: Path) -> None:
    payloads = written(tmp_path, 2)
    draft = tmp_path / f"{3:020d}.new"
    draft.write_bytes(bytes(SEGMENT))
    log, found = new_log(tmp_path)
    log.close()
    assert found == payloads
    assert not draft.exists()


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


def failing(code: int) -> Any:
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


def begun(log: Log, *payloads: bytes) -> Written:
    written = log.begin(*payloads)
    assert written is not None
    return written


def test_records_that_are_begun_count_when_they_are_synced(tmp_path: Path) -> None:
    log, _ = new_log(tmp_path)
    assert log.begin(b"one") is None, "there is no segment yet"
    log.append(b"one")
    unsynced = begun(log, b"two", b"three")
    assert log.last == 1
    assert log.begin(b"four") is None, "one at a time"
    assert log.read(1, 1_000) == []
    os.fdatasync(unsynced.fd)
    unsynced.end()
    assert log.last == 3
    begun(log, b"four").sync()
    assert log.begin(b"x" * SEGMENT) is None, "it needs another segment"
    log.append(b"five")
    log.close()
    assert new_log(tmp_path)[1] == [b"one", b"two", b"three", b"four", b"five"]


def test_what_was_written_and_not_synced_is_synced_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer was killed between; the machine may lose its power later."""
    log, _ = new_log(tmp_path)
    log.append(b"one")
    begun(log, b"two")
    synced: list[str] = []
    real = os.fdatasync

    def noted(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    assert new_log(tmp_path)[1] == [b"one", b"two"]
    assert synced == [str(segments_of(tmp_path)[-1].path)]


def fails_at(where: str, code: int, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write, the sync, or the sync that somebody else did."""
    if where == "told":
        begun(log, b"two").end(OSError(code, os.strerror(code)))
        return
    calls, real = iter([failing(code)]), getattr(os, where)
    monkeypatch.setattr(os, where, lambda *given: next(calls, real)(*given))  # noqa: PLW0108
    begun(log, b"two").sync()


@pytest.mark.parametrize("where", ["pwritev", "fdatasync", "told"])
@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageFailed)]
)
def test_what_is_begun_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, code: int, kind: type[Exception]
) -> None:
    """The next one is none the worse for it, where there was only no room."""
    log, _ = new_log(tmp_path)
    log.append(b"one")
    with pytest.raises(kind):
        fails_at(where, code, log, monkeypatch)
    assert log.last == 1
    if kind is StorageFull:
        begun(log, b"2").sync()
        log.close()
        assert new_log(tmp_path)[1] == [b"one", b"2"]


def test_another_segment_waits_for_what_is_begun(tmp_path: Path) -> None:
    log, _ = new_log(tmp_path)
    log.append(b"one")
    unsynced = begun(log, b"two")
    thread = threading.Thread(target=log.roll)
    thread.start()
    assert len(segments_of(tmp_path)) == 1
    unsynced.sync()
    thread.join()
    log.append(b"three")
    log.close()
    assert len(segments_of(tmp_path)) == 2
    assert new_log(tmp_path)[1] == [b"one", b"two", b"three"]


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


def test_several_records_are_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = new_log(tmp_path)
    writes: list[int] = []
    real = os.pwritev

    def note(fd: int, views: list[memoryview], offset: int, flags: int) -> int:
        writes.append(flags)
        return real(fd, views, offset, flags)

    monkeypatch.setattr(os, "pwritev", note)
    assert log.append(b"one", b"two", b"three") == 3
    assert writes == [os.RWF_DSYNC]
    assert log.append(*[b"x" * 90] * 5) == 8, "more than a segment holds"
    assert log.append(b"nine") == 9
    log.close()
    assert new_log(tmp_path)[1] == [b"one", b"two", b"three", *[b"x" * 90] * 5, b"nine"]


def test_a_crash_may_leave_any_part_of_records_that_were_written_at_once(tmp_path: Path) -> None:
    """Whatever is missing of them, it is no damage: those before the gap are there or not, and the
    log goes on after them."""
    together = [b"third", b"the fourth", b"fifth"]
    payloads = written(tmp_path / "whole", 2)
    start = sum(HEADER.size + len(p) for p in payloads)
    log, _ = new_log(tmp_path / "whole")
    log.append(*together)
    log.close()
    whole = segments_of(tmp_path / "whole")[-1].path.read_bytes()
    ends = [start]
    for payload in together:
        ends.append(ends[-1] + HEADER.size + len(payload))
    for at in range(start, ends[-1], 3):
        for length in (3, 20, 60):
            torn = bytearray(whole)
            torn[at : at + length] = bytes(min(length, len(whole) - at))
            if torn == whole:
                continue
            folder = tmp_path / f"{at}-{length}"
            folder.mkdir()
            (folder / segments_of(tmp_path / "whole")[-1].path.name).write_bytes(torn)
            there = sum(torn[:end] == whole[:end] for end in ends[1:])
            log, found = new_log(folder)
            assert found == [*payloads, *together[:there]]
            log.append(b"next")
            log.append(b"and next")
            log.close()
            assert new_log(folder)[1] == [*found, b"next", b"and next"]


def test_damage_before_another_write_is_told_also_within_records_written_at_once(
    tmp_path: Path,
) -> None:
    log, _ = new_log(tmp_path)
    log.append(b"one", b"two", b"three")
    log.append(b"four")
    log.close()
    path = segments_of(tmp_path)[0].path
    good = path.read_bytes()
    for at in range(3 * HEADER.size + len(b"onetwothree")):
        bad = bytearray(good)
        bad[at] ^= 0x10
        path.write_bytes(bad)
        with pytest.raises(CorruptLog, match="damaged"):
            new_log(tmp_path)


def test_several_records_without_room_are_all_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = new_log(tmp_path)
    log.append(b"one")
    real = os.pwritev
    calls = 0

    def half(fd: int, views: list[memoryview], offset: int, flags: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:  # two whole records and a part
            return real(fd, [views[0][: 2 * HEADER.size + 10]], offset, flags)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", half)
        with pytest.raises(StorageFull):
            log.append(b"two", b"three", b"four")
    assert log.last == 1
    log.close()
    log, found = new_log(tmp_path)
    assert found == [b"one"]
    log.close()


def test_cutting_keeps_some_old_segments(tmp_path: Path) -> None:
    for keep in range(8):
        folder = tmp_path / str(keep)
        payloads = written(folder, 20)
        before = segments_of(folder)
        assert len(before) == 5
        log, _ = new_log(folder)
        for applied in range(21):
            old = sum(1 for s in before[1:] if s.first <= applied + 1)
            log.cut(applied, keep)
            gone = max(0, old - keep)
            assert [s.path for s in segments_of(folder)] == [s.path for s in before[gone:]]
        log.close()
        assert new_log(folder, 20)[1] == []
        assert new_log(folder, 18)[1] == payloads[18:]


def test_records_are_read_again_where_they_are_not_cut_off(tmp_path: Path) -> None:
    payloads = written(tmp_path, 20)
    log, _ = new_log(tmp_path)
    for after in range(21):
        assert log.read(after, 10_000) == payloads[after:]
        assert log.read(after, 0) == payloads[after : after + 1], "at least one"
        assert log.read(after, 2 * len(payloads[-1])) == payloads[after : after + 2]
    assert log.read(25, 10_000) == []
    log.cut(12)
    first = segments_of(tmp_path)[0].first
    assert 1 < first <= 13
    for after in range(21):
        expected = None if after < first - 1 else payloads[after:]
        assert log.read(after, 10_000) == expected
    for segment in segments_of(tmp_path):
        segment.path.unlink()
    assert log.read(0, 10_000) is None
    log.close()


def test_a_record_that_is_still_being_written_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread reads meanwhile."""
    log, _ = new_log(tmp_path)
    log.append(b"one")
    log.append(b"two")
    real = os.pwritev
    seen: list[list[bytes] | None] = []

    def slow(fd: int, views: list[memoryview], offset: int, flags: int) -> int:
        real(fd, [views[0][:22]], offset, 0)
        seen.append(log.read(0, 1_000))
        done = real(fd, views, offset, flags)
        seen.append(log.read(0, 1_000))
        seen.append(log.read(2, 1_000))
        return done

    monkeypatch.setattr(os, "pwritev", slow)
    log.append(b"three", b"four")
    assert seen == [[b"one", b"two"], [b"one", b"two"], []]
    assert log.read(2, 1_000) == [b"three", b"four"]
    log.close()


def test_what_is_taken_back_stays_away_and_its_numbers_are_used_again(tmp_path: Path) -> None:
    for after in range(21):
        folder = tmp_path / str(after)
        payloads = written(folder, 20)
        log, _ = new_log(folder)
        log.truncate(after)
        assert log.last == after
        assert log.read(0, 10_000) == payloads[:after]
        assert new_log(folder)[1] == payloads[:after]
        assert sum(s.path.stat().st_size for s in segments_of(folder)) % SEGMENT == 0
        fresh = [b"another %d" % number for number in range(6)]
        assert log.append(fresh[0]) == after + 1
        assert log.append(*fresh[1:]) == after + 6
        log.close()
        assert new_log(folder)[1] == payloads[:after] + fresh


def test_nothing_is_taken_back_where_there_is_nothing(tmp_path: Path) -> None:
    payloads = written(tmp_path, 5)
    log, _ = new_log(tmp_path)
    log.truncate(5)
    log.truncate(9)
    assert log.append(b"six") == 6
    log.close()
    assert new_log(tmp_path)[1] == [*payloads, b"six"]


class Crash(BaseException):
    """The process is killed."""


def crash_at(patch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Be killed at the call of this number; returns the calls that were made."""
    made: list[str] = []

    def wrap(name: str) -> None:
        real = getattr(os, name)

        def call(*args: object, **kwargs: object) -> object:
            made.append(name)
            if len(made) > step:
                raise Crash
            return real(*args, **kwargs)

        patch.setattr(os, name, call)

    for name in ("unlink", "open", "ftruncate", "fsync", "posix_fallocate", "rename"):
        wrap(name)
    return made


@pytest.mark.parametrize("after", [0, 3, 7, 8, 13, 17, 19])
def test_a_crash_while_records_are_taken_back_leaves_those_before_them(
    tmp_path: Path, after: int
) -> None:
    """And perhaps some of them, but with no gap."""
    for step in range(100):
        folder = tmp_path / str(step)
        payloads = written(folder, 20)
        log, _ = new_log(folder)
        with pytest.MonkeyPatch.context() as patch:
            made = crash_at(patch, step)
            try:
                log.truncate(after)
                done = True
            except Crash:
                done = False
        log.close()
        log, found = new_log(folder)
        assert len(found) >= after
        assert found == payloads[: len(found)]
        assert log.append(b"next") == len(found) + 1
        assert log.append(b"and next") == len(found) + 2
        log.truncate(after)
        log.close()
        assert new_log(folder)[1] == payloads[:after]
        if done:
            assert len(found) == after
            assert step == len(made) > 6
            return
    raise AssertionError("it never ends")


def test_segments_are_gone_for_good_before_the_one_before_them_is_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may otherwise shorten first: then there would be a gap."""
    written(tmp_path, 20)
    log, _ = new_log(tmp_path)
    made = crash_at(monkeypatch, 1_000)
    log.truncate(3)
    log.close()
    shortened = made.index("ftruncate")
    gone = len(made) - made[::-1].index("unlink")
    assert "fsync" in made[gone:shortened]
    assert made[shortened + 1] == "fsync"


def test_taking_back_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payloads = written(tmp_path, 6)
    log, _ = new_log(tmp_path)

    def full(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        log.truncate(2)
        assert log.last == 2
        with pytest.raises(StorageFull):
            log.append(b"there is no room")
    assert log.append(b"three") == 3
    log.close()
    assert new_log(tmp_path)[1] == [*payloads[:2], b"three"]


def test_a_damaged_log_is_not_shortened(tmp_path: Path) -> None:
    written(tmp_path, 20)
    log, _ = new_log(tmp_path)
    path = segments_of(tmp_path)[0].path
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    before = [s.path for s in segments_of(tmp_path)]
    with pytest.raises(CorruptLog):
        log.truncate(2)
    log.close()
    assert [s.path for s in segments_of(tmp_path)] == before
    assert path.read_bytes() == data


@pytest.mark.parametrize("after", [0, 5, 1_000])
def test_a_log_begins_again_at_any_number(tmp_path: Path, after: int) -> None:
    written(tmp_path, 20)
    log, _ = new_log(tmp_path)
    log.restart(after)
    assert log.last == after
    assert log.read(after, 100) == []
    if after:
        assert log.read(0, 100) is None
    log.close()
    log, found = new_log(tmp_path, after)
    assert found == []
    assert log.last == after
    assert log.append(b"next") == after + 1
    log.truncate(after)
    assert log.append(b"next, again") == after + 1
    log.close()
    assert new_log(tmp_path, after)[1] == [b"next, again"]
    if after:
        with pytest.raises(CorruptLog, match="missing"):
            new_log(tmp_path, 0)


def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects how much is read of files from now on."""
    counts: list[int] = []
    real, whole = os.pread, Path.read_bytes

    def pread(fd: int, size: int, offset: int) -> bytes:
        data = real(fd, size, offset)
        counts.append(len(data))
        return data

    def read_bytes(self: Path) -> bytes:
        data = whole(self)
        counts.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return counts


def test_who_reads_on_reads_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 64)
    log = Log(tmp_path, SALT, 20_000)
    payloads = [b"%04d" % number * 25 for number in range(1, 1_001)]
    log.append(*payloads[:500])
    log.append(*payloads[500:])
    assert len(segments_of(tmp_path)) > 1
    for start in (0, 3, 177):
        counts = bytes_read(monkeypatch)
        after = start
        while part := log.read(after, 1_000):
            assert part == payloads[after : after + 10]
            after += 10 if after < 990 else len(part)
        assert after == 1_000
        assert sum(counts) < 3 * sum(map(len, payloads))
    log.close()


def test_a_place_that_does_not_hold_any_more_is_looked_for_again(tmp_path: Path) -> None:
    """Who has read to the end of a segment goes on in the next one, though the first is cut off;
    and after records were taken back, others are where they were."""
    log, _ = new_log(tmp_path)
    payloads = [b"record %d" % number * 3 for number in range(1, 11)]
    for payload in payloads:
        log.append(payload)
    second = segments_of(tmp_path)[1].first
    read = log.read(0, sum(map(len, payloads[: second - 1])))
    assert read == payloads[: second - 1]
    log.cut(second - 1)
    assert log.read(0, 1_000) is None
    assert log.read(second - 1, 1_000) == payloads[second - 1 :]
    assert log.read(9, 1_000) == payloads[9:]
    log.truncate(8)
    log.append(b"other")
    log.append(b"another")
    assert log.read(8, 1_000) == [b"other", b"another"]
    assert log.read(9, 1_000) == [b"another"]
    log.close()


def test_a_record_larger_than_a_part_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 10)
    log, _ = new_log(tmp_path)
    payloads = [b"x" * 150, b"y", b"z" * 1_000, b"w"]
    for payload in payloads:
        log.append(payload)
    for after in range(4):
        assert log.read(after, 10_000) == payloads[after:]
    log.close()


def test_damage_ends_what_is_read(tmp_path: Path) -> None:
    log, _ = new_log(tmp_path)
    payloads = [b"record %d" % number * 3 for number in range(1, 9)]
    for payload in payloads:
        log.append(payload)
    path = segments_of(tmp_path)[1].path
    first = segments_of(tmp_path)[1].first
    data = bytearray(path.read_bytes())
    data[HEADER.size] ^= 1
    path.write_bytes(data)
    assert log.read(0, 10_000) == payloads[: first - 1]
    assert log.read(first - 1, 10_000) is None
    log.close()


def test_another_thread_may_begin_segments_at_any_time(tmp_path: Path) -> None:
    """While records are written and taken back: every one that is durable is found again."""
    log = Log(tmp_path, b"salt", segment_bytes=2_000)
    assert list(log.replay(0)) == []
    over = threading.Event()

    def roll() -> None:
        while not over.is_set():
            log.roll()

    rolling = threading.Thread(target=roll)
    rolling.start()
    written: list[bytes] = []
    for number in range(300):
        written.append(b"record %d" % number * 5)
        log.append(written[-1])
        if number % 7 == 6:
            log.truncate(len(written) - 3)
            del written[-3:]
    over.set()
    rolling.join()
    log.close()
    again = Log(tmp_path, b"salt")
    assert list(again.replay(0)) == written
    again.close()
