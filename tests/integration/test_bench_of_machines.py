"""The bench of machines itself: they reach each other, until a line is cut or one is turned off."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psutil
import pytest

from tests.integration.machines import Machine, cut, machines
from tests.integration.running import HANGS_S, wait_for

OPTIONS = None
REACH = "import socket; socket.create_connection(({!r}, 22), 1).close()"


@pytest.fixture(scope="module")
def bench() -> Iterator[list[Machine]]:
    with machines(3) as (operator, nodes):
        yield [operator, *nodes]


def reaches(one: Machine, other: Machine) -> bool:
    return one.run("python", "-c", REACH.format(other.address), check=False).returncode == 0


def test_the_operator_may_log_in(bench: list[Machine]) -> None:
    operator, one, *_ = bench
    ssh = ("ssh", "-o", "StrictHostKeyChecking=no", f"root@{one.name}", "hostname")
    assert operator.run(*ssh).stdout.splitlines()[-1] == one.name


def test_a_line_is_cut_one_way_and_both_ways(bench: list[Machine]) -> None:
    """A connection needs both; who still hears is told apart by a third machine."""
    _, one, two, three = bench
    assert reaches(one, two)
    two.stop_hearing(one)
    assert not reaches(one, two)
    assert reaches(three, two)
    two.hear_all()
    assert reaches(one, two)
    cut(one, two)
    one.hear_all()
    assert not reaches(two, one)
    two.hear_all()
    wait_for(lambda: reaches(two, one))


def test_a_machine_is_turned_off_and_on(bench: list[Machine]) -> None:
    _, one, two, _ = bench
    running = two.start("sleep", "1000")
    wait_for(lambda: len(two.processes("sleep")) == 1)
    two.kill()
    running.communicate(timeout=HANGS_S)
    assert running.returncode != 0
    assert not reaches(one, two)
    two.boot()
    wait_for(lambda: reaches(one, two))
    assert two.processes("sleep") == []


def test_processes_are_stopped_and_killed(bench: list[Machine]) -> None:
    _, one, *_ = bench
    running = one.start("sleep", "1000")
    wait_for(lambda: len(one.processes("sleep")) == 1)
    one.pause()
    wait_for(lambda: one.processes("sleep")[0].status() == psutil.STATUS_STOPPED)
    one.resume()
    wait_for(lambda: one.processes("sleep")[0].status() == psutil.STATUS_SLEEPING)
    one.kill_one("sleep")
    running.communicate(timeout=HANGS_S)
    assert running.returncode != 0


def test_a_small_disk_is_full_soon(bench: list[Machine]) -> None:
    _, one, *_ = bench
    one.small_disk("/srv/small", 1 << 20)
    filled = one.run("dd", "if=/dev/zero", "of=/srv/small/all", "bs=64k", check=False)
    assert "No space left" in filled.stdout


def test_a_disk_of_an_image_is_filled_and_has_room_again(bench: list[Machine]) -> None:
    _, one, *_ = bench
    one.image_disk("/srv/image", 16 << 20)
    one.fill("/srv/image")
    refused = one.run("dd", "if=/dev/zero", "of=/srv/image/more", "bs=64k", "count=1", check=False)
    assert "No space left" in refused.stdout
    one.make_room("/srv/image")
    one.run("dd", "if=/dev/zero", "of=/srv/image/more", "bs=64k", "count=1")


def test_nothing_is_changed_outside(bench: list[Machine]) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert "br0" not in links
    assert "port1" not in links
