"""Towns of every make."""

from __future__ import annotations

import pytest

from tests.unit.actors.mailboxes import Pair
from tests.unit.actors.town import Town

TOWNS = {"one host": (1, 100_000), "three hosts": (3, 100_000), "forgetful": (1, 1)}
"""Hosts, and how many actors each keeps in memory: the forgetful one drops every actor as soon as
another is spoken to."""


@pytest.fixture(params=TOWNS.values(), ids=TOWNS)
def town(request: pytest.FixtureRequest) -> Town:
    hosts, resident_max = request.param
    town = Town(hosts=hosts)
    for engine in town.engines.values():
        engine.resident_max = resident_max
    return town


@pytest.fixture
def pair(town: Town) -> Pair:
    return Pair(town)
