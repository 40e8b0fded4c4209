"""Time and chance: the clock that counts through sleep, where there is one and where there is none,
and what stands in the place of all of them."""

from __future__ import annotations

import time

import pytest

from api import ambient


def test_it_counts_through_sleep_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def gettime(which: int) -> float:
        asked.append(which)
        return 5.0

    monkeypatch.setattr(time, "clock_gettime", gettime)
    assert ambient.best_clock() == time.CLOCK_BOOTTIME
    assert ambient.boot_s() == 5.0
    assert asked == [time.CLOCK_BOOTTIME] * 2


def test_without_such_a_clock_there_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def refused(which: int) -> float:
            raise OSError(22, "Invalid argument")

        patch.setattr(time, "clock_gettime", refused)
        assert ambient.best_clock() == time.CLOCK_MONOTONIC
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert ambient.best_clock() == time.CLOCK_MONOTONIC


class Still:
    """Where no time passes and nothing happens by chance."""

    def unix_ms(self) -> int:
        return 1

    def monotonic_s(self) -> float:
        return 2.0

    def boot_s(self) -> float:
        return 3.0

    def random_bytes(self, size: int) -> bytes:
        return b"\x04" * size

    def random_below(self, bound: int) -> int:
        return bound - 1


def test_all_is_replaced_and_put_back() -> None:
    real = ambient._around
    with ambient.replaced(Still()):
        assert (ambient.now_ms(), ambient.monotonic_s(), ambient.boot_s()) == (1, 2.0, 3.0)
        assert (ambient.random_bytes(2), ambient.random_hex(2)) == (b"\x04\x04", "0404")
        assert ambient.random_below(7) == 6
        assert 0.999 < ambient.random_share() < 1.0
    assert ambient._around is real
    assert ambient.now_ms() > 1_700_000_000_000
    assert ambient.random_bytes(16) != ambient.random_bytes(16)
