"""A scenario: a TOML file whose table `[load]` is a plan. Other tables are other tools'."""

from __future__ import annotations

from pathlib import Path

from sim.load.plan import Plan
from sim.tables import read_table

TABLE = "load"


def read_scenario(path: Path) -> Plan:
    """The plan of a file. Raises `TableError`, OSError."""
    return read_table(path, TABLE, Plan)
