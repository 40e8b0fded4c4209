"""Time that passes evenly, beside a clock that anybody may set."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.steady import DOWN_MS_MAX, ClockFile, Keeper, MemoryKeeper, SteadyClock

EPOCH_MS = 1_800_000_000_000
YEARS_MS = 30 * 365 * 86_400_000
HOUR_MS = 3_600_000


class Machine:
    """A clock that can be set, and time, which passes."""

    def __init__(self) -> None:
        self.wall_ms = EPOCH_MS
        self.passed_ms = 0

    def steady(self, keeper: Keeper | None = None) -> SteadyClock:
        keeper = keeper or MemoryKeeper()
        return SteadyClock(lambda: self.wall_ms, lambda: self.passed_ms / 1000, keeper)

    def passes(self, ms: int) -> None:
        self.wall_ms += ms
        self.passed_ms += ms


JUMPS = st.sampled_from([0, 0, 1, -1, HOUR_MS, -HOUR_MS, YEARS_MS, -YEARS_MS])


@given(st.lists(st.tuples(JUMPS, st.integers(0, 10 * HOUR_MS)), max_size=30))
@example([(YEARS_MS, 1_000), (-YEARS_MS, 1_000)])
def test_it_passes_whatever_is_done_to_the_clock(steps: list[tuple[int, int]]) -> None:
    machine = Machine()
    steady = machine.steady()
    for jump_ms, ms in steps:
        before = steady()
        machine.wall_ms += jump_ms
        machine.passes(ms)
        passed = steady() - before
        assert ms // 2 - 1 <= passed <= 2 * ms + 1


@given(st.lists(st.integers(0, 10 * HOUR_MS), max_size=30))
def test_it_is_the_machines_clock_where_nothing_is_done_to_that(steps: list[int]) -> None:
    machine = Machine()
    steady = machine.steady()
    for ms in steps:
        machine.passes(ms)
        assert abs(steady() - machine.wall_ms) <= 1


def test_a_clock_that_is_set_right_is_followed() -> None:
    machine = Machine()
    steady = machine.steady()
    for error_ms in (HOUR_MS, -HOUR_MS):
        machine.wall_ms += error_ms
        for _ in range(3 * 60):
            machine.passes(60_000)
            steady()
        assert abs(steady() - machine.wall_ms) <= 1


def test_a_process_that_starts_while_the_clock_is_wrong_goes_on(tmp_path: Path) -> None:
    machine = Machine()
    file = ClockFile(tmp_path)
    before = machine.steady(file)()
    machine.wall_ms += YEARS_MS
    ahead = machine.steady(file)()
    assert before <= ahead <= before + DOWN_MS_MAX
    machine.wall_ms -= 2 * YEARS_MS
    assert ahead <= machine.steady(file)() <= ahead + 1
    file.path.write_text("not a time")
    assert abs(machine.steady(file)() - machine.wall_ms) <= 1
    nowhere = machine.steady(ClockFile(tmp_path / "gone"))
    machine.passes(HOUR_MS)
    assert abs(nowhere() - machine.wall_ms) <= 1, "it goes on where it cannot be kept"


@pytest.mark.parametrize("jump_ms", [YEARS_MS, -YEARS_MS])
def test_a_new_host_goes_on_from_where_its_first_rows_come_from(jump_ms: int) -> None:
    """And one that has told the time, or kept it, goes by its own."""
    machine = Machine()
    there = machine.steady()
    machine.wall_ms += jump_ms
    keeper = MemoryKeeper()
    new = machine.steady(keeper)
    new.go_on_from(there())
    assert new() == there()
    machine.passes(HOUR_MS)
    assert new() == there()
    new.go_on_from(EPOCH_MS - YEARS_MS // 2)
    assert new() == there(), "only the first counts"
    again = machine.steady(keeper)
    again.go_on_from(EPOCH_MS - YEARS_MS // 2)
    assert there() - HOUR_MS <= again() <= there() + HOUR_MS
    founder = machine.steady()
    founder()
    founder.go_on_from(there())
    assert founder() == machine.wall_ms
