"""What all tests of the population have: less noise, which takes seconds to be found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.population.queueing import noise


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Not where the noise itself is looked at."""
    if "queueing" in Path(request.path).name:
        yield
        return
    monkeypatch.setattr(noise, "ITEMS", 400)
    noise.noise_of.cache_clear()
    yield
    noise.noise_of.cache_clear()
