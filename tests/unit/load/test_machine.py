"""What a machine has room for is said before anything begins, and what it lacked, afterwards."""

from __future__ import annotations

import errno
import resource
from pathlib import Path
from typing import Any

import pytest

from sim.load import machine
from sim.load.endpoint import connect_error


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 1,001 ports, whose processes may have 500 files open."""
    ports = tmp_path / "ports"
    ports.write_text("40000\t41000\n")
    monkeypatch.setattr(machine, "PORT_RANGE", ports)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 500))
    return ports


@pytest.mark.parametrize(
    ("connections", "processes", "said"),
    [
        (436, 1, ""),
        (437, 1, "437 connections: a process may have 500 files open"),
        (437, 2, ""),
        (1_001, 3, ""),
        (1_002, 3, "1,002 connections: from one address there are 1,001 ports"),
    ],
)
def test_what_there_is_no_room_for_is_said(connections: int, processes: int, said: str) -> None:
    found = machine.no_room(connections, processes)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_where_nothing_is_known_of_ports_there_are_many(small: Path) -> None:
    small.unlink()
    assert machine.no_room(5_000, 60) == ""


@pytest.mark.parametrize(
    ("problem", "counted"),
    [
        (OSError(errno.EADDRNOTAVAIL, "no port"), "no_local_port"),
        (OSError(errno.EMFILE, "no file"), "no_open_file"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "connect"),
        (TimeoutError(), "connect"),
    ],
)
def test_who_is_to_blame_for_a_connection_is_told(problem: Any, counted: str) -> None:
    assert connect_error(problem) == counted


def test_cpu_is_counted_from_when_it_was_asked() -> None:
    used = machine.CpuUsed()
    before_s = used.own_s()
    while used.own_s() < before_s + 0.005:
        pass
    assert used.own_s() >= 0.005
    assert 0.0 <= used.machine_share() <= 1.0
