"""How much the tests try, and where their random draws begin.

The gate (`make test`) tries enough to guard a change; the soak (`make soak`) tries many times as
much. Random draws begin at a seed that is drawn from the commit, so that every commit tries others,
and a failure can be had again: `HELIOGRAPH_SEED=<number>`.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

SEED_VARIABLE = "HELIOGRAPH_SEED"
SOAK_VARIABLE = "HELIOGRAPH_SOAK"
"""How many times as much as the gate is tried; unset or 0: the gate itself."""

SOAK = int(os.environ.get(SOAK_VARIABLE) or 0)


def _drawn_from_the_commit() -> int:
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return int(told.stdout.strip()[:8] or "1", 16)


SEED = int(os.environ.get(SEED_VARIABLE) or _drawn_from_the_commit())


def tries(gate: int) -> int:
    """How many examples or seeds to try, where the gate tries so many."""
    return gate * max(1, SOAK)


def first_seed(name: str, below: int = 10**9) -> int:
    """Where the fresh seeds of a test begin: as `SEED` and the test's name decide."""
    return random.Random(f"{SEED} {name}").randrange(below)
